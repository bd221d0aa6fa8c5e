"""Files that are good for one run only, and may hold secrets: plans, logins."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from delivery.process.shell import Shell


@contextlib.contextmanager
def folder(parent: Path, shell: Shell) -> Iterator[Path]:
    """A folder of this process, gone afterwards; and gone now, those of processes that were killed."""
    for left in parent.glob("run-*"):
        if not _runs(int(left.name.removeprefix("run-"))):
            shutil.rmtree(left, ignore_errors=True)
    mine = parent / f"run-{os.getpid()}"
    mine.mkdir(parents=True, mode=0o700, exist_ok=True)
    try:
        yield mine
    finally:
        shell.stop()  # from here on signals are swallowed: there is nothing left to stop but this
        shutil.rmtree(mine, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # asks, sends nothing: kill(2)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
