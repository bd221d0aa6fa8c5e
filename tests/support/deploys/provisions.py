"""What a sandbox downloads and unpacks at its first start: done once in the project, and linked into the others."""

import functools
import os
import shutil
from pathlib import Path

from sandbox import processes
from sandbox.base_image import python
from sandbox.debian import packages
from sandbox.engine import choice, dockerd, own
from sandbox.layout import Layout

PROJECT = Path(__file__).parents[3]
_FOLDERS = (".cache", ".sandbox/cache", ".sandbox/engine/programs")


def provide(root: Path) -> None:
    """Give the empty sandbox of another checkout everything that the project's sandbox has fetched."""
    _fetch()
    for folder in _FOLDERS:
        if (PROJECT / folder).is_dir():
            shutil.copytree(PROJECT / folder, root / folder, copy_function=os.link, symlinks=True)


@functools.cache
def _fetch() -> None:
    """Fetch what a private engine needs, if a sandbox makes one on this machine."""
    layout = Layout.of(PROJECT)
    with processes.locked(layout, "engine"):
        if not own.connect(layout, os.environ) and not choice.refusal(packages.system(), os.geteuid()):
            dockerd.install(layout)
            python.archive(layout, python.REFERENCE)
