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
_FOLDERS = (".cache", ".sandbox/cache/base", ".sandbox/cache/debs", ".sandbox/engine/programs")


def provide(root: Path) -> None:
    """Give the empty sandbox of another checkout everything that the project's sandbox has fetched."""
    _fetch()
    for folder in _FOLDERS:
        if (PROJECT / folder).is_dir():
            link_tree(PROJECT / folder, root / folder)


def link_tree(source: Path, target: Path) -> None:
    """Copy a folder of files that nobody changes in place: hard links, where both are on one file system."""
    shutil.copytree(source, target, copy_function=_link, symlinks=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@functools.cache
def _fetch() -> None:
    """Fetch what a private engine needs, if a sandbox makes one on this machine."""
    layout = Layout.of(PROJECT)
    with processes.locked(layout, "engine"):
        if not own.connect(layout, os.environ) and not choice.refusal(packages.system(), os.geteuid()):
            dockerd.install(layout)
            python.archive(layout, python.REFERENCE)
