"""The files of `python:3.13-slim`, made from Debian packages where the real one cannot be pulled."""

import os
import shutil
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path

from sandbox import processes
from sandbox.debian import packages
from sandbox.errors import SandboxError

PACKAGES = packages.Wanted(
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
"""libstdc++6 because compiled wheels (numpy) want it, as they find it in the official image."""

VERSION = "3.13"

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


def make(debs: Sequence[Path], root: Path) -> None:
    """Fill `root` with the packages' files and with what their maintainer scripts would have written.

    Raises:
        SandboxError: not root, or a package cannot be unpacked.
    """
    if os.geteuid():
        raise SandboxError("a base image can be made from packages by root only", "run as root")
    # base-files first: it makes /bin, /lib and /sbin links into /usr, which the other packages then follow.
    first = [deb for deb in debs if deb.name.startswith("base-files_")]
    packages.unpack(first, root)
    packages.unpack([deb for deb in debs if deb not in first], root)
    for place in _UNWANTED:
        shutil.rmtree(root / place, ignore_errors=True)
    for file in ("passwd", "group"):
        shutil.copyfile(root / f"usr/share/base-passwd/{file}.master", root / f"etc/{file}")
    _trust(root)
    _python(root)
    processes.run(["chroot", str(root), "/sbin/ldconfig"])
    # ldconfig's own notes: inode numbers and times, different at every run.
    shutil.rmtree(root / "var/cache/ldconfig", ignore_errors=True)


def _trust(root: Path) -> None:
    """What update-ca-certificates writes: all of Mozilla's authorities in one file."""
    authorities = sorted((root / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_bytes(b"".join(authority.read_bytes() for authority in authorities))


def _python(root: Path) -> None:
    """Make /usr/local a virtual environment: paths as in the official image, and pip may install there."""
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
    # The wheel is now installed; keeping it would ship pip twice.
    shutil.rmtree(root / "usr/share/python-wheels")
