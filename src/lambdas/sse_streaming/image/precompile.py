"""Build step: compile Python modules, so that a cold start does not, and so that equal sources give an equal layer.

Bytecode of the kind "unchecked hash" (PEP 552) depends on the source alone, and Python loads it without reading the
source. A cold start that compiles the modules needs five times the CPU time.

Usage: python precompile.py [FOLDER]. The default folder is the standard library.
"""

import compileall
import os
import re
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from py_compile import PycInvalidationMode

# No function imports these modules, and they are half of the standard library. site-packages holds only pip.
_SKIPPED = re.compile("/(site-packages|dist-packages|test|idlelib|tkinter|turtledemo|ensurepip|pydoc_data)/")


def precompile(folder: Path) -> None:
    """Compile every module below `folder`. If a module does not compile, exit with code 1."""
    mode = PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(folder, maxlevels=50, force=True, quiet=1, rx=_SKIPPED, invalidation_mode=mode):
        sys.exit(f"{folder} could not be compiled")


def changed_paths(library: Path) -> Iterable[Path]:
    """Yield the paths in `library` that compiling changed.

    A layer contains every file whose time changes, so the times of the base image's own files must stay as they are.
    """
    for cache in library.rglob("__pycache__"):
        yield from (*cache.iterdir(), cache, cache.parent)


def main(arguments: list[str]) -> None:
    """Compile the folder, then set the times of its files to the epoch, so that two builds give the same layer."""
    folder = Path(arguments[0] if arguments else sysconfig.get_path("stdlib"))
    precompile(folder)
    for path in (folder, *folder.rglob("*")) if arguments else changed_paths(folder):
        os.utime(path, (0, 0), follow_symlinks=False)


if __name__ == "__main__":
    main(sys.argv[1:])
