"""Terraform: `init -> Stack -> plan -> Plan -> apply -> outputs`. Only a Stack can plan, only a Plan is applied."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from delivery import clock, mirror
from delivery.diagnostics import Diagnostics
from delivery.errors import DeliveryError, TerraformError
from delivery.plan import Plan, Stack, read
from delivery.settings import Settings
from delivery.shell import Shell

Say = Callable[[str], None]


def init(settings: Settings, name: str, shell: Shell, say: Say) -> Stack:
    """Initialise `infrastructure/<name>`: its backend and its providers.

    Providers come from the registry; when that cannot be reached, from a local mirror. Raises TerraformError.
    """
    environment = settings.environment.name
    folder = settings.root / "infrastructure" / name
    data = settings.root / ".deploy" / environment / name
    stack = Stack(name, folder, data, environment, settings.lock_wait)
    flags = ("-json", "-input=false", "-reconfigure", "-lockfile=readonly")
    arguments = ("init", *flags, f"-backend-config={environment}.backend.hcl")
    log = _run(stack, arguments, shell, say)
    if log.providers_unreachable and (found := mirror.find(shell.variables)):
        say(f"the provider registry cannot be reached; using {found}")
        log = _run(stack, (*arguments, f"-plugin-dir={found}"), shell, say)
    if log.errors:
        raise log.error("initialise", name)
    return stack


def plan(stack: Stack, variables: Mapping[str, object], folder: Path, shell: Shell, say: Say) -> Plan:
    """Save a plan in `folder`, which is this run's alone, and read back what it will do. Raises TerraformError."""
    values = _values(folder, stack)
    values.write_text(json.dumps(variables))
    file = folder / f"{stack.name}.tfplan"
    arguments = ("plan", "-json", "-input=false", f"-out={file}", f"-var-file={stack.environment}.tfvars")
    run, lock = (_lock_and_run, ()) if stack.locks else (_run, ("-lock=false",))
    log = run(stack, (*arguments, f"-var-file={values}", *lock), shell, say)
    if log.errors:
        raise log.error("plan", stack.name)
    shown = shell.run(stack.command("show", "-json", str(file)))
    if shown.code:
        raise TerraformError(f"The plan of {stack.name} cannot be read back.", shown.stderr.strip())
    return read(stack, file, json.loads(shown.stdout))


def apply(saved: Plan, shell: Shell, say: Say) -> dict[str, Any]:
    """Apply exactly what was planned; returns the outputs. Raises TerraformError."""
    log = _lock_and_run(saved.stack, ("apply", "-json", "-input=false", str(saved.file)), shell, say)
    if log.errors:
        raise _with_state(log.error("apply", saved.stack.name), saved.stack.folder / "errored.tfstate")
    return outputs(saved.stack, shell)


def refresh(saved: Plan, shell: Shell, say: Say) -> dict[str, Any]:
    """Let the state learn what AWS has, changing nothing there; returns the outputs. Raises TerraformError."""
    stack = saved.stack
    files = (f"-var-file={stack.environment}.tfvars", f"-var-file={_values(saved.file.parent, stack)}")
    log = _lock_and_run(stack, ("apply", "-refresh-only", "-auto-approve", "-json", "-input=false", *files), shell, say)
    if log.errors:
        raise log.error("refresh", stack.name)
    return outputs(stack, shell)


def _values(folder: Path, stack: Stack) -> Path:
    return folder / f"{stack.name}.tfvars.json"


def _with_state(error: DeliveryError, errored: Path) -> DeliveryError:
    """Where the state could not be written, Terraform leaves it in a file that is all there is of it."""
    if errored.exists():
        error.hint = f"keep {errored}: it is the only record of what was made; `terraform state push` it, {error.hint}"
    return error


def outputs(stack: Stack, shell: Shell) -> dict[str, Any]:
    """The outputs in the state, by name. Raises TerraformError."""
    result = shell.run(stack.command("output", "-json"))
    if result.code:
        raise TerraformError(f"The outputs of {stack.name} cannot be read.", result.stderr.strip())
    return {name: output["value"] for name, output in json.loads(result.stdout).items()}


def _lock_and_run(stack: Stack, arguments: tuple[str, ...], shell: Shell, say: Say) -> Diagnostics:
    stack.unfinished.write_text(clock.now().isoformat())
    log = _run(stack, arguments, shell, say)
    if not log.left_lock:
        stack.unfinished.unlink(missing_ok=True)
    return log


def _run(stack: Stack, arguments: tuple[str, ...], shell: Shell, say: Say) -> Diagnostics:
    stack.data.mkdir(parents=True, exist_ok=True)
    log = Diagnostics(say)
    result = shell.run(stack.command(*arguments), log.feed)
    log.killed = result.code < 0
    if result.code and not log.errors:
        last = "\n".join(log.other[-5:])
        log.errors.append({"summary": f"terraform ended with {result.code}", "detail": last})
    return log
