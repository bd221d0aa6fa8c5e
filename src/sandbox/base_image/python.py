"""The image `python:3.13-slim`, made from Debian packages when the official image cannot be pulled."""

import os
import re
import shutil
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path

from sandbox import processes
from sandbox.base_image import oci
from sandbox.debian import packages
from sandbox.errors import SandboxError
from sandbox.layout import Layout

REFERENCE = "python:3.13-slim"
VERSION = "3.13"
COMMENT = f"{REFERENCE} made from Debian packages by the sandbox"
"""Stands in the history of the image."""

PACKAGES = packages.PackageSet(
    name="python",
    packages=(
        "base-files",
        "base-passwd",
        "ca-certificates",
        "coreutils",
        "dash",
        "grep",
        "libc-bin",
        "libstdc++6",
        "python3-pip-whl",
        "python3.13",
        "sed",
    ),
    dependencies=True,
    debian=True,
)
"""libstdc++6 because compiled wheels such as numpy's need it, and the official image has it."""

_UNWANTED = (
    "usr/share/doc",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/ldconfig",
)

_PIP = f"""#!/usr/local/bin/python{VERSION}
import sys
from pip._internal.cli.main import main
if __name__ == "__main__":
    sys.exit(main())
"""


def archive(layout: Layout, reference: str) -> Path:
    """An archive for ``docker load`` that has our image under the name `reference`; cached.

    Raises:
        SandboxError: the packages cannot be fetched or unpacked, or we are not root.
    """
    debs = packages.fetch(layout, PACKAGES)
    # The set of packages decides every byte of the image, so the name of its folder is part of the archive's name.
    name = f"{debs[0].parent.name}-{re.sub(r'[^a-z0-9.]+', '-', reference.lower())}.tar"
    finished = layout.cache / "base" / name
    with processes.locked(layout, "base"):
        if not finished.exists():
            work = layout.cache / "base" / "work"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            make_root(debs, work / "root")
            layer = oci.write_layer(work / "root", work / "layer.tar.gz")
            oci.write_archive(layer, _configuration(), reference, work / name)
            (work / name).rename(finished)
            shutil.rmtree(work)
    return finished


def _configuration() -> oci.Configuration:
    return oci.Configuration(
        architecture=packages.machine().architecture,
        environment={
            "PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
        },
        command=("python3",),
        comment=COMMENT,
    )


def make_root(debs: Sequence[Path], root: Path) -> None:
    """Fill `root` with the packages' files, and with the files that their maintainer scripts would write.

    Raises:
        SandboxError: not root, or a package cannot be unpacked.
    """
    if os.geteuid():
        why = f"unpacking its packages needs root; you are user {os.geteuid()}"
        raise SandboxError("the base image cannot be made", why, "run as root")
    # base-files first: it makes /bin, /lib and /sbin links into /usr, and the other packages' files follow them.
    first = [deb for deb in debs if deb.name.startswith("base-files_")]
    packages.unpack(first, root)
    packages.unpack([deb for deb in debs if deb not in first], root)
    for folder in _UNWANTED:
        shutil.rmtree(root / folder, ignore_errors=True)
    for file in ("passwd", "group"):
        shutil.copyfile(root / f"usr/share/base-passwd/{file}.master", root / f"etc/{file}")
    _trust(root)
    _python(root)
    processes.run(["chroot", str(root), "/sbin/ldconfig"])
    # ldconfig's cache has inode numbers and times, which differ at every run.
    shutil.rmtree(root / "var/cache/ldconfig", ignore_errors=True)


def _trust(root: Path) -> None:
    """Write the file that update-ca-certificates writes: all of Mozilla's authorities."""
    authorities = sorted((root / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_bytes(b"".join(authority.read_bytes() for authority in authorities))


def _python(root: Path) -> None:
    """Make /usr/local a virtual environment: the paths are those of the official image, and pip may install there."""
    local = root / "usr/local"
    (local / "bin").mkdir(parents=True, exist_ok=True)
    (local / "pyvenv.cfg").write_text(f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {VERSION}\n")
    for name in ("python", "python3", f"python{VERSION}"):
        (local / "bin" / name).symlink_to(f"/usr/bin/python{VERSION}")
    site = local / f"lib/python{VERSION}/site-packages"
    site.mkdir(parents=True)
    for wheel in sorted((root / "usr/share/python-wheels").glob("pip-*.whl")):
        with zipfile.ZipFile(wheel) as files:
            files.extractall(site)
    for name in ("pip", "pip3", f"pip{VERSION}"):
        script = local / "bin" / name
        script.write_text(_PIP)
        script.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    # The wheel is installed now; with its file too, the image would have pip twice.
    shutil.rmtree(root / "usr/share/python-wheels")
