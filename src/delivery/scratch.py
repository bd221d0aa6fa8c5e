"""The folder of one run, for files that may hold secrets: plans, logins."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

from delivery.errors import ConfigurationError
from delivery.process.shell import Shell

_RUN = "run-"


@contextlib.contextmanager
def folder(parent: Path, shell: Shell) -> Iterator[Path]:
    """A folder for this process, removed afterwards. Folders of processes that were killed are removed first.

    Raises ConfigurationError when `parent`, or a folder in it, cannot be written.
    """
    _require_writable(parent)
    for old in parent.glob(f"{_RUN}*"):
        if not psutil.pid_exists(int(old.name.removeprefix(_RUN))):
            shutil.rmtree(old, ignore_errors=True)
    mine = parent / f"{_RUN}{os.getpid()}"
    mine.mkdir(parents=True, mode=0o700, exist_ok=True)
    try:
        yield mine
    finally:
        shell.stop()  # from here on signals have no effect, so that the folder is removed
        shutil.rmtree(mine, ignore_errors=True)


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
        f"The folder {folder} cannot be written.", why, f"sudo chown -R {os.geteuid()} {folder}, or mount it writable"
    )
