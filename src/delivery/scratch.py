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

from delivery.errors import ConfigurationError
from delivery.process.shell import Shell

_RUN, _LOCK, _COMMIT = "run_", "lock", "commit_"  # no environment has a name with `_`
INDEX = "index"  # in an export, if all its files are in this index of git
LAYOUTS = "layout"  # the folder of a run with the OCI image layouts that it builds
# Terraform writes it beside its configuration when it cannot write the state: the only record of its changes.
ERRORED_STATE = "errored.tfstate"


@contextlib.contextmanager
def folder(parent: Path, shell: Shell) -> Iterator[Path]:
    """A folder for this run, removed afterwards. The folders of runs that were killed are removed first.

    Raises ConfigurationError when `parent`, or a folder in it, cannot be written.
    """
    _require_writable(parent)
    with _locked(parent / "scratch.lock", fcntl.LOCK_EX):  # no run sees the folder of another before that is locked
        for old in parent.glob(f"{_RUN}*"):
            _remove_abandoned(old)
        mine = Path(tempfile.mkdtemp(prefix=_RUN, dir=parent))
        lock = contextlib.ExitStack()
        shell.hold(lock.enter_context(_locked(mine / _LOCK, fcntl.LOCK_EX)))
    with lock:
        try:
            yield mine
            _keep_layouts(mine)
        finally:
            shell.stop()  # from here on signals have no effect, so that the folder is removed
            _remove(mine)


def exported(run: Path, sha: str) -> Path:
    """Where a run has the files of a commit."""
    return run / f"{_COMMIT}{sha}"


def kept(run: Path) -> Path:
    """Where a run finds the files of a commit that an earlier run has left."""
    return run.parent / f"{_COMMIT}kept"


def keep(commit: Path, place: Path) -> None:
    """Leave an export for the next run, unless there is one, or no index knows all its files."""
    if (commit / INDEX).exists():
        with contextlib.suppress(OSError):
            commit.rename(place)


def kept_layouts(run: Path) -> Path:
    """Where a run finds the layouts of images that an earlier run has left."""
    return run.parent / f"{LAYOUTS}_kept"


def _keep_layouts(run: Path) -> None:
    """Leave the layouts of a run that has succeeded for the next one, in the place of those that an earlier run left.

    Never more, so that they take the space of one run.
    """
    made = [file.parent for file in (run / LAYOUTS).glob("*/oci-layout")]
    with contextlib.suppress(OSError):
        if made:
            shutil.rmtree(kept_layouts(run), ignore_errors=True)
            kept_layouts(run).mkdir(mode=0o700)
        for layout in made:
            layout.rename(kept_layouts(run) / layout.name)


def _remove_abandoned(old: Path) -> None:
    with contextlib.suppress(BlockingIOError, NotADirectoryError, PermissionError):
        if not old.joinpath(_LOCK).exists():  # its run was killed before it had the lock
            _remove(old)
            return
        with _locked(old / _LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB):
            _remove(old)


def _remove(run: Path) -> None:
    for state in run.rglob(ERRORED_STATE):  # as infrastructure/STACK/errored.tfstate, where a person looks for it
        saved = run.parents[1].joinpath(*state.parts[-3:])
        if not saved.exists():
            saved.parent.mkdir(parents=True, exist_ok=True)
            state.rename(saved)
    for commit in run.glob(f"{_COMMIT}*"):
        keep(commit, kept(run))
    shutil.rmtree(run, ignore_errors=True)


@contextlib.contextmanager
def _locked(file: Path, how: int) -> Iterator[int]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield descriptor
    finally:
        os.close(descriptor)


def _require_writable(parent: Path) -> None:
    """Terraform and buildx write in the folders of `parent`; another user, such as root by sudo, may have made them."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folders = [parent, *(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith(_RUN))]
        refused = [path for path in folders if not os.access(path, os.W_OK | os.X_OK)]
    except OSError as error:
        raise _unwritable(parent, str(error)) from error
    if refused:
        owner, user = refused[0].stat().st_uid, os.geteuid()
        why = (
            f"Its owner is user {owner}; you are user {user}." if owner != user else "You own it, but it is read-only."
        )
        raise _unwritable(refused[0], why)


def _unwritable(folder: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The folder {folder} cannot be written.", why, f'sudo chown -R "$(id -u)" {folder}, or mount it writable'
    )
