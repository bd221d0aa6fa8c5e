"""The state lock: who holds it, whether the holder may be alive, the wait for it, and its removal.

The lock is Terraform's own object beside the state, `<key>.tflock`, a JSON of statemgr.LockInfo:
https://developer.hashicorp.com/terraform/language/backend/s3#state-locking. There is no second lock.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from delivery import clock
from delivery.aws import bucket
from delivery.aws.session import Aws
from delivery.errors import LockedError, RefusedError, TerraformError
from delivery.process import running
from delivery.process.shell import Shell
from delivery.progress import Update
from delivery.terraform import diagnostics
from delivery.terraform.plan import Stack, state_key

T = TypeVar("T")
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")  # another endpoint is another cloud, with other locks
_POLL = 1.0  # seconds between two reads of a lock that is waited for
_START = timedelta(seconds=60)  # from the start of Terraform to its lock: it opens the backend in between
_TOLERANCE = 2.0  # seconds: the start time of a process is not exact
# The session of a role lasts one hour by default, so an older holder cannot write the state.
_OLD = timedelta(hours=1)


@dataclass(frozen=True)
class Lock:
    """A lock that is held. `operation`: what its holder does, such as `apply`."""

    id: str
    who: str
    operation: str
    created: datetime

    @property
    def here(self) -> bool:
        """Whether it was taken on this machine."""
        return self.who.endswith(f"@{os.uname().nodename}")

    @property
    def holder(self) -> str:
        """The holder, the time and the operation, for people."""
        return f"{self.who} since {self.created:%Y-%m-%d %H:%M:%S} UTC ({self.operation})"


def read(aws: Aws, stack: Stack) -> Lock | None:
    """The lock of a root module; None if the state is not locked. Raises RefusedError, TerraformError or CloudError."""
    body = bucket.read(aws, f"{state_key(stack.name)}.tflock")
    if body is None:
        return None
    try:
        info = json.loads(body)
        created = datetime.fromisoformat(info["Created"])
        return Lock(info["ID"], info["Who"], diagnostics.operation(info["Operation"]), created)
    except (ValueError, KeyError, TypeError) as error:
        key = f"s3://{stack.environment.state_bucket}/{state_key(stack.name)}.tflock"
        why = f"It is not as Terraform writes it: {type(error).__name__}: {error}."
        hint = f"`aws s3 rm {key}`, if no other run is working on it"
        raise TerraformError(f"The lock of {stack.name} cannot be read.", why, hint) from error


def wait_and_run(aws: Aws, stack: Stack, shell: Shell, update: Update, work: Callable[[], T]) -> T:
    """Run `work`, a plan or an apply, once the state is not locked; wait at most the stack's `lock_wait`.

    Terraform's own -lock-timeout waits silently; this shows the holder, and removes the lock of a dead run of this
    checkout. Raises LockedError when the state is still locked then, CloudError, and the errors of `work`.
    """
    began = clock.monotonic()
    while True:
        _wait(aws, stack, shell, update, began)
        try:
            return work()
        except LockedError:  # another run took the lock in between
            if clock.monotonic() - began >= stack.lock_wait:
                raise


def _wait(aws: Aws, stack: Stack, shell: Shell, update: Update, began: float) -> None:
    while lock := read(aws, stack):
        if _is_ours_and_dead(lock, stack, shell):
            update(f"removing the lock of {lock.holder}: that run of this checkout has ended")
            remove(stack, lock, shell)
            return
        waited = clock.monotonic() - began
        if waited >= stack.lock_wait:
            raise diagnostics.locked(stack, lock.holder)
        update(f"waited {waited:.0f} of {stack.lock_wait:.0f} s for {lock.holder}")
        clock.pause(_POLL)


def require_holder_gone(lock: Lock, stack: Stack, shell: Shell) -> None:
    """Raises RefusedError while the holder may be alive."""
    hint = f"wait for it; or check that it is dead, then: {stack.unlock} --lock {lock.id}"
    if lock.here:
        if pids := _terraforms(lock, stack, shell):
            what = f"The lock is held by {lock.holder}, on this machine, and that run may be alive."
            raise RefusedError(what, f"Terraform runs here as process {', '.join(map(str, pids))}.", hint)
    elif (age := clock.now() - lock.created) < _OLD:
        what = f"The lock is held by {lock.holder}, on another machine, and that run may be alive."
        minutes = age.total_seconds() / 60
        raise RefusedError(what, f"It is {minutes:.0f} minutes old; after 60 minutes it counts as dead.", hint)


def release(aws: Aws, stack: Stack, lock_id: str, shell: Shell) -> str:
    """Remove the lock if its holder is dead, or if it has the ID `lock_id`; return the result, for people.

    Raises RefusedError, TerraformError or CloudError.
    """
    lock = read(aws, stack)
    if lock is None:
        return f"The state of {stack.name} is not locked."
    if lock_id and lock_id != lock.id:
        hint = f"check that lock, then: {stack.unlock}"
        raise RefusedError(f"The lock has another ID: {lock.id}.", f"It is held by {lock.holder}.", hint)
    if not lock_id:
        require_holder_gone(lock, stack, shell)
    remove(stack, lock, shell)
    return f"Removed the lock {lock.id} of {lock.holder}."


def remove(stack: Stack, lock: Lock, shell: Shell) -> None:
    """Remove exactly this lock. Raises TerraformError when another lock is held by now."""
    result = shell.run(stack.command("force-unlock", "-no-color", "-force", lock.id))
    if result.code:
        raise TerraformError(f"The lock {lock.id} was not removed.", result.stderr.strip(), stack.unlock)
    stack.unfinished.unlink(missing_ok=True)


def _is_ours_and_dead(lock: Lock, stack: Stack, shell: Shell) -> bool:
    """Whether a run of this checkout took the lock and has ended: it began shortly before, and no Terraform runs now.

    Both are needed: machines may share a name, and another checkout may be at work.
    """
    if not (lock.here and stack.unfinished.exists()):
        return False
    since = lock.created - datetime.fromisoformat(stack.unfinished.read_text())
    return timedelta() <= since <= _START and not _terraforms(lock, stack, shell)


def _terraforms(lock: Lock, stack: Stack, shell: Shell) -> list[int]:
    """The processes of Terraform that may hold the lock: not those that began later, nor those that work elsewhere."""
    latest = lock.created.timestamp() + _TOLERANCE
    processes = [process for process in running.named("terraform") if process.began <= latest]
    return [process.pid for process in processes if _may_hold(process.variables, stack, shell)]


def _may_hold(variables: Mapping[str, str], stack: Stack, shell: Shell) -> bool:
    """Whether a Terraform with these variables may hold the lock; without TF_DATA_DIR it may."""
    data = Path(variables.get("TF_DATA_DIR", stack.data))
    if data == stack.data:
        return True
    elsewhere = any(variables.get(name, "") != shell.variables.get(name, "") for name in _ENDPOINTS)
    return data.parts[-2:] == (stack.environment.name, stack.name) and not elsewhere
