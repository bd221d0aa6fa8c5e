"""The state lock: who holds it, may they still be alive, wait for it, remove it.

The lock is Terraform's own object beside the state, `<key>.tflock`, a JSON of statemgr.LockInfo:
https://developer.hashicorp.com/terraform/language/backend/s3#state-locking. There is no second one.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from delivery import clock
from delivery.aws.session import Aws, ClientError, error_code
from delivery.errors import LockedError, RefusedError, TerraformError
from delivery.process.shell import Shell
from delivery.progress import Update
from delivery.terraform import diagnostics
from delivery.terraform.plan import Stack

T = TypeVar("T")
PROC = Path("/proc")
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")  # another one is another cloud, with other locks
_LOOK = 1.0  # seconds between two looks at a lock that is waited for
_START = timedelta(seconds=60)  # from Terraform's start to its lock: it opens the backend in between
_BLUR = 2.0  # seconds: the boot's time is a whole number of them
# AWS ends a role's session after an hour unless told otherwise: who is silent longer could not write the state either.
_OLD = timedelta(hours=1)


@dataclass(frozen=True)
class Lock:
    """A lock that is held."""

    id: str
    who: str
    operation: str
    created: datetime

    @property
    def here(self) -> bool:
        """Whether it was taken on this machine."""
        return self.who.endswith(f"@{os.uname().nodename}")

    def words(self) -> str:
        """Who, since when, what for."""
        return f"{self.who} since {self.created:%Y-%m-%d %H:%M:%S} UTC ({self.operation})"


def read(aws: Aws, stack: Stack) -> Lock | None:
    """The lock of an initialised root module, None when nobody holds it. Raises CloudError."""
    backend = json.loads((stack.data / "terraform.tfstate").read_text())["backend"]["config"]
    with aws.explained(f"read the state lock of {stack.name}"):
        try:
            body = aws.s3.get_object(Bucket=backend["bucket"], Key=f"{backend['key']}.tflock")["Body"].read()
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise
    found = json.loads(body)
    created = datetime.fromisoformat(found["Created"])
    return Lock(found["ID"], found["Who"], diagnostics.operation(found["Operation"]), created)


def wait_and_run(aws: Aws, stack: Stack, shell: Shell, update: Update, work: Callable[[], T]) -> T:
    """What `work` returns, a plan or an apply, once nobody else holds the lock; at most the stack's `lock_wait` later.

    Terraform's own -lock-timeout waits without a word; here a person sees for whom, and the lock that a dead run
    of this checkout left is removed. Raises LockedError when it is still held then, CloudError, and what `work` does.
    """
    began = clock.monotonic()
    while True:
        _wait(aws, stack, shell, update, began)
        try:
            return work()
        except LockedError:  # somebody was quicker
            if clock.monotonic() - began >= stack.lock_wait:
                raise


def _wait(aws: Aws, stack: Stack, shell: Shell, update: Update, began: float) -> None:
    while found := read(aws, stack):
        if _ours_and_dead(found, stack, shell):
            update(f"removing the lock of {found.words()}: that run of this checkout is over")
            remove(stack, found, shell)
            return
        waited = clock.monotonic() - began
        if waited >= stack.lock_wait:
            raise diagnostics.locked(stack, found.words())
        update(f"waited {waited:.0f} of {stack.lock_wait:.0f} s for {found.words()}")
        clock.pause(_LOOK)


def require_holder_gone(found: Lock, stack: Stack, shell: Shell) -> None:
    """Raises RefusedError while the holder may still be alive."""
    hint = f"wait for it; or look yourself, then: {stack.unlock} --lock {found.id}"
    if found.here and PROC.is_dir():
        if pids := _terraforms(found, stack, shell):
            what = f"The lock is held by {found.words()}, on this machine, and that may still run."
            raise RefusedError(what, f"Terraform runs here as process {', '.join(map(str, pids))}.", hint)
    elif (age := clock.now() - found.created) < _OLD:
        what = f"The lock is held by {found.words()}, on another machine, and that may still run."
        raise RefusedError(
            what, f"It is {age.total_seconds() / 60:.0f} minutes old; after 60 it is taken for dead.", hint
        )


def release(aws: Aws, stack: Stack, named: str, shell: Shell) -> str:
    """Remove the lock if its holder is dead, or if it is the one that was `named` by its ID; what was done, in words.

    Raises RefusedError, TerraformError or CloudError.
    """
    found = read(aws, stack)
    if found is None:
        return f"There is no lock on {stack.name}: nobody is changing it."
    if named and named != found.id:
        hint = f"look at it, then: {stack.unlock}"
        raise RefusedError(f"The lock is another one: {found.id}.", f"It is held by {found.words()}.", hint)
    if not named:
        require_holder_gone(found, stack, shell)
    remove(stack, found, shell)
    return f"Removed the lock {found.id} of {found.words()}."


def remove(stack: Stack, found: Lock, shell: Shell) -> None:
    """Remove exactly that lock. Raises TerraformError when it is no longer the one that is held."""
    result = shell.run(stack.command("force-unlock", "-no-color", "-force", found.id))
    if result.code:
        why = result.stderr.strip()
        raise TerraformError(f"The lock {found.id} was not removed.", why, stack.unlock)
    stack.unfinished.unlink(missing_ok=True)


def _ours_and_dead(found: Lock, stack: Stack, shell: Shell) -> bool:
    """Whether a run of this checkout took it, and could not release it: begun just before it, and nothing runs now.

    Neither alone would do: machines may share a name, and other checkouts of this one may be at work.
    """
    if not (found.here and PROC.is_dir() and stack.unfinished.exists()):
        return False
    since = found.created - datetime.fromisoformat(stack.unfinished.read_text())
    return timedelta() <= since <= _START and not _terraforms(found, stack, shell)


def _terraforms(found: Lock, stack: Stack, shell: Shell) -> list[int]:
    """Every Terraform on this machine that could hold the lock: all but those that began later or work elsewhere."""
    processes = []
    for process in PROC.glob("[0-9]*"):
        try:
            if (process / "comm").read_text().strip() != "terraform" or not _ran(process, found.created):
                continue
            given = os.fsdecode((process / "environ").read_bytes())
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
        except PermissionError:  # another user's
            given = ""
        if _may_hold(dict(item.split("=", 1) for item in given.split("\0") if "=" in item), stack, shell):
            processes.append(int(process.name))
    return sorted(processes)


def _may_hold(environ: Mapping[str, str], stack: Stack, shell: Shell) -> bool:
    """Whether a Terraform with this environment may hold the stack's lock; of unknown ones nobody knows."""
    data = Path(environ.get("TF_DATA_DIR", stack.data))
    if data == stack.data:
        return True
    elsewhere = any(environ.get(name, "") != shell.variables.get(name, "") for name in _ENDPOINTS)
    return data.parts[-2:] == (stack.environment, stack.name) and not elsewhere


def _ran(process: Path, when: datetime) -> bool:
    """Whether it was there by then and still is; proc(5), /proc/pid/stat fields 3 and 22, /proc/stat `btime`."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    booted = next(line for line in (PROC / "stat").read_text().splitlines() if line.startswith("btime"))
    began = int(booted.split()[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return fields[0] not in "ZX" and began <= when.timestamp() + _BLUR
