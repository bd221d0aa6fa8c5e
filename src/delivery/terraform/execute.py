"""Terraform: `init -> Stack -> plan -> Plan -> apply`. Only a Stack can plan, only a Plan is applied.

What it costs is its provider, whose check and start are seconds of a processor each: `init` runs when it could do
something, a plan without changes is not read back, and outputs are read from the state (`delivery.state`).
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from delivery import clock
from delivery.errors import DeliveryError, TerraformError
from delivery.process.shell import Shell
from delivery.progress import Update
from delivery.settings import Environment, Settings
from delivery.terraform import mirror
from delivery.terraform.diagnostics import Diagnostics
from delivery.terraform.plan import Plan, Stack, read, state_key

# Then a plan ends with 2 when it changes something: https://developer.hashicorp.com/terraform/cli/commands/plan
_DETAILED, _CHANGES = "-detailed-exitcode", 2


def init(settings: Settings, name: str, shell: Shell, update: Update) -> Stack:
    """Initialise `infrastructure/<name>`: its backend and its providers; nothing to do if they are as last time.

    Providers come from a local mirror if there is one, as Terraform's own implied ones do; what it lacks, from the
    registry. The lock file's checksums hold for both. Raises TerraformError.
    """
    environment = settings.environment.name
    folder = settings.root / "infrastructure" / name
    data = settings.root / ".deploy" / environment / name
    stack = Stack(name, folder, data, environment, settings.lock_wait)
    flags = ("-json", "-input=false", "-reconfigure", "-lockfile=readonly")
    arguments = ("init", *flags, *_backend(settings.environment, name))
    found = mirror.find(shell.variables)
    inputs = _inputs(stack, (*arguments, str(found)), shell)
    if stack.initialised.exists() and stack.initialised.read_text() == inputs:
        return stack
    stack.initialised.unlink(missing_ok=True)
    if found:
        log = _run(stack, (*arguments, f"-plugin-dir={found}"), shell, update)
    if not found or log.providers_unreachable:
        log = _run(stack, arguments, shell, update)
    if log.errors:
        raise log.error("initialise", stack)
    stack.initialised.write_text(inputs)
    return stack


def _backend(environment: Environment, name: str) -> tuple[str, ...]:
    """The partial configuration of the S3 backend: a backend block cannot read variables.

    https://developer.hashicorp.com/terraform/language/backend#partial-configuration
    """
    backend = {"bucket": environment.state_bucket, "region": environment.region, "key": state_key(name)}
    return tuple(f"-backend-config={key}={value}" for key, value in backend.items())


def _inputs(stack: Stack, given: tuple[str, ...], shell: Shell) -> str:
    """A digest of the inputs of `init`: Terraform, the modules, the lock files, its arguments and the mirror."""
    version = shell.run(stack.command("version", "-json"))
    digest = hashlib.sha256(f"{version.code} {version.stdout} {given}".encode())
    for file in sorted(stack.folder.parent.rglob("*")):
        if file.suffix in (".tf", ".hcl"):
            digest.update(f"\n{file}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def plan(stack: Stack, variables: Mapping[str, object], folder: Path, shell: Shell, update: Update) -> Plan:
    """Save a plan in `folder`, which is this run's alone, and read back what it will do. Raises TerraformError."""
    values = _values(folder, stack)
    values.write_text(json.dumps(variables))
    file = folder / f"{stack.name}.tfplan"
    arguments = ("plan", "-json", "-input=false", _DETAILED, f"-out={file}", f"-var-file={stack.environment}.tfvars")
    run, lock = (_lock_and_run, ()) if stack.locks else (_run, ("-lock=false",))
    log = run(stack, (*arguments, f"-var-file={values}", *lock), shell, update)
    if log.errors:
        raise log.error("plan", stack)
    if log.code != _CHANGES:
        return Plan(stack, file, (), (), (), empty=True)
    shown = shell.run(stack.command("show", "-json", str(file)))
    if shown.code:
        raise TerraformError(f"The plan of {stack.name} cannot be read back.", shown.stderr.strip())
    return read(stack, file, json.loads(shown.stdout))


def apply(saved: Plan, shell: Shell, update: Update) -> None:
    """Apply exactly what was planned. Raises TerraformError."""
    log = _lock_and_run(saved.stack, ("apply", "-json", "-input=false", str(saved.file)), shell, update)
    if log.errors:
        raise _with_state(log.error("apply", saved.stack), saved.stack.folder / "errored.tfstate")


def refresh(saved: Plan, shell: Shell, update: Update) -> None:
    """Let the state learn what AWS has, changing nothing there. Raises TerraformError."""
    stack = saved.stack
    files = (f"-var-file={stack.environment}.tfvars", f"-var-file={_values(saved.file.parent, stack)}")
    log = _lock_and_run(
        stack, ("apply", "-refresh-only", "-auto-approve", "-json", "-input=false", *files), shell, update
    )
    if log.errors:
        raise log.error("refresh", stack)


def _values(folder: Path, stack: Stack) -> Path:
    return folder / f"{stack.name}.tfvars.json"


def _with_state(error: DeliveryError, errored: Path) -> DeliveryError:
    """Where the state could not be written, Terraform leaves it in a file that is all there is of it."""
    if errored.exists():
        error.hint = f"keep {errored}: it is the only record of what was made; `terraform state push` it, {error.hint}"
    return error


def _lock_and_run(stack: Stack, arguments: tuple[str, ...], shell: Shell, update: Update) -> Diagnostics:
    stack.unfinished.write_text(clock.now().isoformat())
    log = _run(stack, arguments, shell, update)
    if not log.left_lock:
        stack.unfinished.unlink(missing_ok=True)
    return log


def _run(stack: Stack, arguments: tuple[str, ...], shell: Shell, update: Update) -> Diagnostics:
    stack.data.mkdir(parents=True, exist_ok=True)
    log = Diagnostics(update)
    result = shell.run(stack.command(*arguments), log.feed)
    log.code = result.code
    fine = (0, _CHANGES) if _DETAILED in arguments else (0,)
    if result.code not in fine and not log.errors:
        last = "\n".join(log.other[-5:])
        log.errors.append({"summary": f"terraform ended with {result.code}", "detail": last})
    if log.errors:
        stack.initialised.unlink(missing_ok=True)  # whatever it was: the next `init` looks again
    return log
