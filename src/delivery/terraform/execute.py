"""Runs Terraform: `init -> Stack -> plan -> Plan -> apply`. Only a Stack can plan, only a Plan can be applied.

Starting the provider takes seconds, so needless runs are avoided: `init` runs only when its inputs have changed, a plan
that changes nothing or only creates is not read back, and outputs come from the state (`terraform/state.py`).
"""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from delivery import clock
from delivery.errors import TerraformError
from delivery.process.shell import Shell
from delivery.progress import Update
from delivery.scratch import ERRORED_STATE
from delivery.settings import Environment, Settings
from delivery.terraform import mirror, provider
from delivery.terraform.diagnostics import Diagnostics
from delivery.terraform.plan import Plan, Stack, function_variables, read, state_key

# With this flag, a plan that changes something exits with 2: https://developer.hashicorp.com/terraform/cli/commands/plan
_DETAILED, _CHANGES = "-detailed-exitcode", 2
# Actions whose address says everything: https://developer.hashicorp.com/terraform/internals/machine-readable-ui
_PLAIN = {"create", "read"}
_WITH_PROVIDERS = ("plan", "apply", "state")  # also those that ask it for nothing compare its checksum


def init(settings: Settings, name: str, shell: Shell, update: Update) -> Stack:
    """Initialise the backend and the providers of `infrastructure/<name>`, unless nothing changed since the last time.

    Providers come from a local mirror if one exists, otherwise from Terraform's registry; the lock file has the
    checksums for both. Raises TerraformError.
    """
    environment = settings.environment
    folder = settings.source / "infrastructure" / name
    data = settings.root / ".deploy" / environment.name / name
    stack = Stack(
        name,
        folder,
        data,
        environment,
        settings.lock_wait,
        starts_providers=settings.start_providers,
        kept=settings.root / "infrastructure" / name,
    )
    flags = ("-json", "-input=false", "-reconfigure", "-lockfile=readonly")
    arguments = ("init", *flags, *_backend(environment, name))
    folder_mirror = mirror.find(shell.variables, mirror.locked(folder / mirror.LOCK))
    inputs = _inputs(stack, (*arguments, str(folder_mirror)), shell)
    if stack.initialised.exists() and stack.initialised.read_text() == inputs + provider.fingerprint(stack):
        return stack
    stack.initialised.unlink(missing_ok=True)
    if folder_mirror:
        log = _run(stack, (*arguments, f"-plugin-dir={folder_mirror}"), shell, update)
    if not folder_mirror or log.providers_unreachable:
        log = _run(stack, arguments, shell, update)
    if log.errors:
        raise log.error("initialise", stack)
    stack.initialised.write_text(inputs + provider.fingerprint(stack))
    return stack


def _backend(environment: Environment, name: str) -> tuple[str, ...]:
    """The partial configuration of the S3 backend: a backend block cannot read variables.

    https://developer.hashicorp.com/terraform/language/backend#partial-configuration
    """
    backend = {"bucket": environment.state_bucket, "region": environment.region, "key": state_key(name)}
    return tuple(f"-backend-config={key}={value}" for key, value in backend.items())


def _inputs(stack: Stack, arguments: tuple[str, ...], shell: Shell) -> str:
    """A digest of the inputs of `init`: Terraform, the modules, the lock files, its arguments and the mirror."""
    version = shell.run(stack.command("version", "-json"))
    digest = hashlib.sha256(f"{version.code} {version.stdout} {arguments}".encode())
    for file in sorted(stack.folder.parent.rglob("*")):
        if file.suffix in (".tf", ".hcl"):
            digest.update(f"\n{file.relative_to(stack.folder.parent)}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def plan(stack: Stack, variables: Mapping[str, object], folder: Path, shell: Shell, update: Update) -> Plan:
    """Save a plan in `folder`, the scratch folder of this run. Raises TerraformError.

    What a plan creates stands in Terraform's progress. For any other change see `read_back`.
    """
    _values(folder, stack).write_text(json.dumps(variables))
    file = folder / f"{stack.name}.tfplan"
    reads = () if stack.refreshes else ("-refresh=false",)
    flags = ("-json", "-input=false", _DETAILED, f"-out={file}")
    arguments = ("plan", *flags, *reads, *_targets(stack), *_variable_files(folder, stack))
    run, lock = (_lock_and_run, ()) if stack.locks else (_run, ("-lock=false",))
    log = run(stack, (*arguments, *lock), shell, update)
    if log.errors:
        raise log.error("plan", stack)
    if log.code != _CHANGES:
        return Plan(stack, file, (), (), (), empty=True)
    created = tuple(address for action, address in log.planned if action == "create")
    return Plan(stack, file, created, (), (), unread={action for action, _ in log.planned} - _PLAIN != set())


def read_back(saved: Plan, shell: Shell) -> Plan:
    """The plan with all its changes, for which Terraform starts the provider again. Raises TerraformError."""
    return read(saved.stack, saved.file, _shown(saved, shell)) if saved.unread else saved


def read_variables(saved: Plan, shell: Shell) -> dict[str, dict[str, str]]:
    """The environment variables of each function, by the repository of its image. Raises TerraformError."""
    return function_variables(_shown(saved, shell))


def _shown(saved: Plan, shell: Shell) -> dict[str, Any]:
    command = saved.stack.command("show", "-json", str(saved.file))
    with provider.running(saved.stack, command, shell) as show:
        shown = shell.run(show)
    if shown.code:
        raise TerraformError(f"The plan of {saved.stack.name} cannot be read back.", shown.stderr.strip())
    document: dict[str, Any] = json.loads(shown.stdout)
    return document


def apply(saved: Plan, shell: Shell, update: Update) -> None:
    """Apply exactly a saved plan. Raises TerraformError."""
    log = _lock_and_run(saved.stack, ("apply", "-json", "-input=false", str(saved.file)), shell, update)
    if log.errors:
        raise log.error("apply", saved.stack)


def push_state(stack: Stack, document: str, shell: Shell, update: Update) -> None:
    """Write a whole state, which may hold secrets. Raises TerraformError.

    Terraform takes the lock, and refuses a state of another lineage, with an older serial, or with another content for
    the same serial: https://developer.hashicorp.com/terraform/cli/commands/state/push
    """
    log = _lock_and_run(stack, ("state", "push", "-no-color", "-"), shell, update, document)
    if log.errors:
        raise log.error("push the state of", stack)


def _targets(stack: Stack) -> tuple[str, ...]:
    return tuple(f"-target={address}" for address in stack.targets)


def _values(folder: Path, stack: Stack) -> Path:
    return folder / f"{stack.name}.tfvars.json"


def _variable_files(folder: Path, stack: Stack) -> tuple[str, ...]:
    """The environment's own file, if the root module has one, and the values of the tasks."""
    own = f"{stack.environment.name}.tfvars"
    files = ([own] if (stack.folder / own).exists() else []) + [str(_values(folder, stack))]
    return tuple(f"-var-file={file}" for file in files)


def _lock_and_run(
    stack: Stack, arguments: tuple[str, ...], shell: Shell, update: Update, stdin: str = ""
) -> Diagnostics:
    stack.unfinished.write_text(clock.now().isoformat())
    log = _run(stack, arguments, shell, update, stdin)
    written = stack.folder / ERRORED_STATE
    if written != stack.errored and written.exists():
        shutil.move(written, stack.errored)
    if not log.left_lock:
        stack.unfinished.unlink(missing_ok=True)
    return log


def _run(stack: Stack, arguments: tuple[str, ...], shell: Shell, update: Update, stdin: str = "") -> Diagnostics:
    stack.data.mkdir(parents=True, exist_ok=True)
    log = Diagnostics(update, mirror.names(stack.folder))
    command = replace(stack.command(*arguments), stdin=stdin)
    with contextlib.ExitStack() as beside:
        if arguments[0] in _WITH_PROVIDERS:
            command = beside.enter_context(provider.running(stack, command, shell))
        result = shell.run(command, log.feed)
    log.code = result.code
    success = (0, _CHANGES) if _DETAILED in arguments else (0,)
    if result.code not in success and not log.errors:
        last = "\n".join(log.other if "-json" not in arguments else log.other[-5:])
        log.errors.append({"summary": f"terraform ended with {result.code}", "detail": last})
    if log.errors:
        stack.initialised.unlink(missing_ok=True)  # after any failure, the next `init` runs again
    return log
