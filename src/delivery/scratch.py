"""The folder of one run, for files that may hold secrets: plans, logins."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

from delivery.process.shell import Shell


@contextlib.contextmanager
def folder(parent: Path, shell: Shell) -> Iterator[Path]:
    """A folder for this process, removed afterwards. Folders of processes that were killed are removed first."""
    for old in parent.glob("run-*"):
        if not psutil.pid_exists(int(old.name.removeprefix("run-"))):
            shutil.rmtree(old, ignore_errors=True)
    mine = parent / f"run-{os.getpid()}"
    mine.mkdir(parents=True, mode=0o700, exist_ok=True)
    try:
        yield mine
    finally:
        shell.stop()  # from here on signals have no effect, so that the folder is removed
        shutil.rmtree(mine, ignore_errors=True)
