"""Chromium's headless shell and nginx from signed Debian packages, unpacked into a folder; nothing is installed.

Both run with the C library of their own release, which may be newer than this machine's: each is started by its own
loader. Chromium looks for its files beside the program that runs, so the loader is copied there; and it starts itself
again for each page, so that program is a script.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from sandbox.debian import packages
from sandbox.debian.packages import PackageSet
from sandbox.layout import Layout

PACKAGES = PackageSet("browser", ("chromium-headless-shell", "nginx-light"), dependencies=True, debian=True)
_FOR_A_GPU = ("libllvm", "libz3-", "mesa-libgallium")
_SCRIPT = """#!/bin/sh
export FONTCONFIG_FILE={root}/etc/fonts/fonts.conf FONTCONFIG_SYSROOT={root}
exec {loader} --library-path {libraries} {program} "$@"
"""


@dataclass(frozen=True)
class Programs:
    """The scripts that start the two programs, and the folder that they are in."""

    root: Path
    chromium: Path
    nginx: Path


def programs(layout: Layout) -> Programs:
    """The programs; fetched and unpacked once for each checkout. Raises SandboxError."""
    debs = packages.fetch(layout, PACKAGES)
    root = layout.cache / debs[0].parent.name
    if not root.exists():
        fresh = root.with_name(f"{root.name}.{os.getpid()}")
        packages.unpack([deb for deb in debs if not deb.name.startswith(_FOR_A_GPU)], fresh)
        fresh.rename(root)
    (loader,) = root.glob("usr/lib*/ld-linux-*.so.*")
    libraries = next(root.glob("usr/lib/*-linux-gnu"))
    chromium = root / "usr/lib/chromium"
    own = chromium / "loader"
    shutil.copy(loader, own)
    paths = f"{libraries}:{libraries / 'pulseaudio'}"
    return Programs(
        root,
        _script(
            chromium / "start", root=root, loader=own, libraries=paths, program=chromium / "chromium-headless-shell"
        ),
        _script(root / "start-nginx", root=root, loader=loader, libraries=paths, program=root / "usr/sbin/nginx"),
    )


def _script(path: Path, **parts: object) -> Path:
    path.write_text(_SCRIPT.format(**parts))
    path.chmod(0o755)
    return path
