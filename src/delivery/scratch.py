"""The folder of one run, for files that may hold secrets: plans, logins; and the files of its commit.

The folder is held by a file lock, not by a process number: another run may see other process numbers, for example in a
container that has the checkout mounted. A Terraform that outlives a killed run holds the lock too (Shell.hold).
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from delivery.process.shell import Shell

_LOCK = "lock"
# Terraform writes it beside its configuration when it cannot write the state: the only record of its changes.
ERRORED_STATE = "errored.tfstate"


@contextlib.contextmanager
def folder(parent: Path, shell: Shell) -> Iterator[Path]:
    """A folder for this run, removed afterwards. The folders of runs that were killed are removed first."""
    parent.mkdir(parents=True, exist_ok=True)
    with _locked(parent / "scratch.lock", fcntl.LOCK_EX):  # no run sees the folder of another before that is locked
        for old in parent.glob("run-*"):
            _remove_abandoned(old)
        mine = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
        lock = contextlib.ExitStack()
        shell.hold(lock.enter_context(_locked(mine / _LOCK, fcntl.LOCK_EX)))
    with lock:
        try:
            yield mine
        finally:
            shell.stop()  # from here on signals have no effect, so that the folder is removed
            _remove(mine)


def _remove_abandoned(old: Path) -> None:
    with contextlib.suppress(BlockingIOError, NotADirectoryError, PermissionError):
        if not old.joinpath(_LOCK).exists():  # its run was killed before it had the lock
            _remove(old)
            return
        with _locked(old / _LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB):
            _remove(old)


def _remove(run: Path) -> None:
    for state in run.rglob(ERRORED_STATE):  # as infrastructure/STACK/errored.tfstate, where a person looks for it
        kept = run.parents[1].joinpath(*state.parts[-3:])
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            state.rename(kept)
    shutil.rmtree(run, ignore_errors=True)


@contextlib.contextmanager
def _locked(file: Path, how: int) -> Iterator[int]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield descriptor
    finally:
        os.close(descriptor)
