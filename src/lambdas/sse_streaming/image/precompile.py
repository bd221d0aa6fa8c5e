"""Build step: compile Python so that a cold start need not, and so that the same sources give the same layer.

"Unchecked hash" bytecode (PEP 552) depends on the source alone, and is used without a look at the source.
A cold start that had to compile would cost five times the CPU.

Usage: python precompile.py [FOLDER], by default the standard library.
"""

import compileall
import os
import re
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from py_compile import PycInvalidationMode

# What no function imports, and pip's own home: the first is half of the standard library.
_SKIPPED = re.compile("/(site-packages|dist-packages|test|idlelib|tkinter|turtledemo|ensurepip|pydoc_data)/")


def precompile(folder: Path) -> None:
    """Compile every module below `folder`; exits with 1 when one does not compile."""
    mode = PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(folder, maxlevels=50, force=True, quiet=1, rx=_SKIPPED, invalidation_mode=mode):
        sys.exit(f"{folder} could not be compiled")


def written(library: Path) -> Iterable[Path]:
    """Yield what compiling changed in `library`: to touch more would copy the base's files into our layer."""
    for cache in library.rglob("__pycache__"):
        yield from (*cache.iterdir(), cache, cache.parent)


def main(arguments: list[str]) -> None:
    """Compile, then set the times that would tell one build from the next to the epoch."""
    folder = Path(arguments[0] if arguments else sysconfig.get_path("stdlib"))
    precompile(folder)
    for path in (folder, *folder.rglob("*")) if arguments else written(folder):
        os.utime(path, (0, 0), follow_symlinks=False)


if __name__ == "__main__":
    main(sys.argv[1:])
