"""Terraform: `init -> Stack -> plan -> Plan -> apply -> outputs`. Only a Stack can plan, only a Plan is applied."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery import clock, mirror
from delivery.diagnostics import Diagnostics
from delivery.errors import DeliveryError, RefusedError, TerraformError
from delivery.settings import Environment, Settings
from delivery.shell import Command, Shell

_GRACE = 120.0  # seconds: an interrupted apply finishes the calls it has begun, then writes the state
Say = Callable[[str], None]


@dataclass(frozen=True)
class Stack:
    """A root module, initialised for one environment. `data`: its TF_DATA_DIR, kept between runs."""

    name: str
    folder: Path
    data: Path
    environment: str
    lock_wait: float = 0.0
    """Seconds to wait for the state lock; see `lock.patiently`."""
    locks: bool = True
    """Whether a plan takes the state's lock; who only looks need not."""

    @property
    def unfinished(self) -> Path:
        """When a run that takes the lock began, in UTC; gone once it ended and left no lock."""
        return self.data / "unfinished"

    def command(self, *arguments: str) -> Command:
        """A terraform command in this root module, as data."""
        # What a person has exported for their own runs must not reach ours: -destroy, another workspace.
        unset = ("TF_WORKSPACE", "TF_CLI_ARGS", f"TF_CLI_ARGS_{arguments[0].replace('-', '_')}")
        ours = {"TF_DATA_DIR": str(self.data), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
        variables = {**ours, **dict.fromkeys(unset, "")}
        argv = ("terraform", f"-chdir={self.folder}", *arguments)
        return Command(argv, variables=variables, grace=_GRACE, credentials=True, outlives=True)


@dataclass(frozen=True)
class Plan:
    """A saved plan and what it will do: addresses, with the changed attributes for updates."""

    stack: Stack
    file: Path
    creates: tuple[str, ...]
    updates: tuple[str, ...]
    deletes: tuple[str, ...]
    imports: tuple[str, ...] = ()
    forgets: tuple[str, ...] = ()
    empty: bool = False
    """Whether applying it would change nothing, neither resources nor state nor outputs; Terraform's own word."""

    def require_harmless(self, environment: Environment, named: tuple[str, ...] = ()) -> None:
        """Raises RefusedError when it destroys in a protected environment what was not `named`, address by address."""
        unnamed = [address for address in self.deletes if address not in named]
        if unnamed and environment.protected:
            raise RefusedError(
                f"The plan destroys {len(unnamed)} in {environment.name}, which is protected.",
                "\n".join(unnamed),
                f"keep them in infrastructure/{self.stack.name}, or name each: --destroy '{unnamed[0]}'",
            )

    def words(self) -> tuple[str, ...]:
        """One line a change, the summary last."""
        if self.empty:
            return ("no changes: the infrastructure is as described",)
        signs = (
            ("= adopt", self.imports),
            ("+ create", self.creates),
            ("~ update", self.updates),
            ("- delete", self.deletes),
            ("? forget", self.forgets),
        )
        lines = [f"{sign} {address}" for sign, addresses in signs for address in addresses]
        counts = f"{len(self.creates)} to create, {len(self.updates)} to update, {len(self.deletes)} to delete"
        return (*lines, counts)

    def done(self) -> str:
        """What applying it did."""
        return f"{len(self.creates)} created, {len(self.updates)} updated, {len(self.deletes)} deleted"


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
    values = folder / f"{stack.name}.tfvars.json"
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
    return _read(stack, file, json.loads(shown.stdout))


def apply(saved: Plan, shell: Shell, say: Say) -> dict[str, Any]:
    """Apply exactly what was planned; returns the outputs. Raises TerraformError."""
    log = _lock_and_run(saved.stack, ("apply", "-json", "-input=false", str(saved.file)), shell, say)
    if log.errors:
        raise _with_state(log.error("apply", saved.stack.name), saved.stack.folder / "errored.tfstate")
    return outputs(saved.stack, shell)


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


def _read(stack: Stack, file: Path, document: dict[str, Any]) -> Plan:
    """https://developer.hashicorp.com/terraform/internals/json-format#plan-representation."""
    found = document.get("resource_changes", [])
    resources = [(resource["address"], resource["change"]) for resource in found]
    # Made by halves, by a run that was cut off: to make it again destroys nothing that ever worked.
    tainted = {resource["address"] for resource in found if resource.get("action_reason") == "replace_because_tainted"}

    def having(action: str) -> tuple[str, ...]:
        return tuple(address for address, change in resources if action in change["actions"])

    return Plan(
        stack,
        file,
        creates=having("create"),
        updates=tuple(f"{at} ({', '.join(_changed(change))})" for at, change in resources if _updates(change)),
        deletes=tuple(address for address in having("delete") if address not in tainted),
        imports=tuple(address for address, change in resources if "importing" in change),
        forgets=having("forget"),
        empty=not document["applyable"],
    )


def _updates(change: dict[str, Any]) -> bool:
    return bool(change["actions"] == ["update"])


def _changed(change: dict[str, Any]) -> list[str]:
    before, after = change["before"] or {}, change["after"] or {}
    known = [key for key, value in after.items() if before.get(key) != value]
    later = [key for key, unknown in (change.get("after_unknown") or {}).items() if unknown is True]
    return sorted(known or later)  # what follows from the change is no news beside it
