"""Values: a root module that is initialised, and a plan of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.errors import RefusedError
from delivery.process.shell import Command
from delivery.scratch import ERRORED_STATE
from delivery.settings import Environment

CACHE = "TF_PLUGIN_CACHE_DIR"
_GRACE = 120.0  # seconds; an interrupted apply finishes the calls that it has begun, then writes the state


def state_key(stack: str) -> str:
    """The S3 key of the state of the root module `stack`, in the environment's state bucket."""
    return f"{stack}.tfstate"


@dataclass(frozen=True)
class Stack:
    """A root module, initialised for one environment. `data`: its TF_DATA_DIR, which stays between runs."""

    name: str
    folder: Path
    data: Path
    environment: Environment
    lock_wait: float = 0.0
    """Seconds to wait for the state lock; see `lock.wait_and_run`."""
    locks: bool = True
    """Whether a plan takes the state lock; a read does without."""
    refreshes: bool = True
    """Whether a plan reads every resource again; a plan right after an apply does without."""
    targets: tuple[str, ...] = ()
    """The addresses of the modules that a plan is about; without any, all. What no target needs stays as it is."""
    starts_providers: bool = True
    """Whether Terraform gets providers that run already; see `provider.running`."""
    kept: Path | None = None
    """The folder in the work tree, if `folder` belongs to an exported commit, which is removed with the run."""

    @property
    def unlock(self) -> str:
        """The command that looks for the state lock of this root module."""
        return self.environment.command("unlock", "--stack", self.name)

    @property
    def unfinished(self) -> Path:
        """A file with the time (UTC) at which a run that takes the lock began; removed when the run leaves no lock."""
        return self.data / "unfinished"

    @property
    def initialised(self) -> Path:
        """A file with the digest of the inputs of the last `init`; removed after any failure."""
        return self.data / "initialised"

    @property
    def errored(self) -> Path:
        """The file in the work tree with a state that Terraform could not write; Terraform leaves it in `folder`."""
        return (self.kept or self.folder) / ERRORED_STATE

    @property
    def push_state(self) -> str:
        """The command that a person types to write that state."""
        return f"TF_DATA_DIR={self.data} terraform -chdir={self.errored.parent} state push {self.errored.name}"

    def command(self, *arguments: str) -> Command:
        """A terraform command in this root module."""
        argv = ("terraform", f"-chdir={self.folder}", *arguments)
        # process/environment.py: no exported TF_WORKSPACE, TF_CLI_ARGS or TF_VAR_* reaches Terraform.
        variables = {"TF_DATA_DIR": str(self.data), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
        without = (CACHE,)  # Terraform stops at a cache folder that is missing or read-only
        return Command(argv, variables=variables, without=without, grace=_GRACE, credentials=True, outlives=True)


@dataclass(frozen=True)
class Plan:
    """A saved plan, with the addresses that it changes; an update has its changed attributes."""

    stack: Stack
    file: Path
    creates: tuple[str, ...]
    updates: tuple[str, ...]
    deletes: tuple[str, ...]
    imports: tuple[str, ...] = ()
    forgets: tuple[str, ...] = ()
    unread: bool = False
    """Whether Terraform must still read the file to tell what it changes; see `execute.read_back`."""
    empty: bool = False
    """Whether applying it would change nothing, neither resources nor state nor outputs: Terraform's exit code."""

    def require_harmless(self, environment: Environment, named: tuple[str, ...] = ()) -> None:
        """Raises RefusedError when it destroys a resource of a protected environment that is not in `named`."""
        unnamed = [address for address in self.deletes if address not in named]
        if unnamed and environment.protected:
            raise RefusedError(
                f"The plan destroys resources of {environment.name}, which is protected: {len(unnamed)}.",
                "\n".join(unnamed),
                f"keep them in infrastructure/{self.stack.name}, or name each: --destroy '{unnamed[0]}'",
            )

    @property
    def changes(self) -> tuple[str, ...]:
        """One line for each change, as `sign verb address`."""
        signs = (
            ("= adopt", self.imports),
            ("+ create", self.creates),
            ("~ update", self.updates),
            ("- delete", self.deletes),
            ("? forget", self.forgets),
        )
        return tuple(f"{sign} {address}" for sign, addresses in signs for address in addresses)

    @property
    def counts(self) -> str:
        """How many resources it creates, updates and deletes."""
        if self.empty:
            return "no changes: the infrastructure is as described"
        return f"{len(self.creates)} to create, {len(self.updates)} to update, {len(self.deletes)} to delete"

    @property
    def applied(self) -> str:
        """The same counts, once the plan was applied."""
        return f"{len(self.creates)} created, {len(self.updates)} updated, {len(self.deletes)} deleted"


def read(stack: Stack, file: Path, document: dict[str, Any]) -> Plan:
    """A plan from the output of `terraform show -json`.

    https://developer.hashicorp.com/terraform/internals/json-format#plan-representation
    """
    changes = document.get("resource_changes", [])
    resources = [(resource["address"], resource["change"]) for resource in changes]
    # Tainted: half-created by a run that was cut off. Replacing it loses no data.
    tainted = {
        resource["address"] for resource in changes if resource.get("action_reason") == "replace_because_tainted"
    }

    def addresses(action: str) -> tuple[str, ...]:
        return tuple(address for address, change in resources if action in change["actions"])

    return Plan(
        stack,
        file,
        creates=addresses("create"),
        updates=tuple(f"{at} ({', '.join(_changed(change))})" for at, change in resources if _updates(change)),
        deletes=tuple(address for address in addresses("delete") if address not in tainted),
        imports=tuple(address for address, change in resources if "importing" in change),
        forgets=addresses("forget"),
    )


def function_variables(document: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The environment variables of each function, by the repository of its image, in the output of `terraform show`.

    A value that is known only after the apply is left out.
    """
    found: dict[str, dict[str, str]] = {}
    for resource in document.get("resource_changes", []):
        after = resource["change"]["after"] or {}
        if resource.get("type") == "aws_lambda_function" and after.get("image_uri"):
            blocks = after.get("environment") or [{}]
            found[after["image_uri"].partition("@")[0]] = blocks[0].get("variables") or {}
    return found


def _updates(change: dict[str, Any]) -> bool:
    return bool(change["actions"] == ["update"])


def _changed(change: dict[str, Any]) -> list[str]:
    before, after = change["before"] or {}, change["after"] or {}
    known = [key for key, value in after.items() if before.get(key) != value]
    later = [key for key, unknown in (change.get("after_unknown") or {}).items() if unknown is True]
    return sorted(known or later)  # computed attributes follow from the known changes
