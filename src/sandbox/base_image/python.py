"""The image `python:3.13-slim`, made from Debian packages when the official image cannot be pulled."""

import functools
import hashlib
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path

from sandbox import processes
from sandbox.base_image import dpkg, oci
from sandbox.debian import packages
from sandbox.errors import SandboxError
from sandbox.layout import Layout

REFERENCE = "python:3.13-slim"
VERSION = "3.13"
MADE = f"{REFERENCE} made from Debian packages by the sandbox"
"""Begins the comment in the history of every image that was made here."""

PACKAGES = packages.PackageSet(
    name="python",
    packages=(
        # All essential packages, which others use without depending on them, and apt, as in the official image
        *("base-files", "base-passwd", "bash", "bsdutils", "coreutils", "dash", "debianutils", "diffutils", "dpkg"),
        *("findutils", "grep", "gzip", "hostname", "init-system-helpers", "libc-bin", "login", "ncurses-base"),
        *("ncurses-bin", "perl-base", "sed", "sysvinit-utils", "tar", "util-linux"),
        *("adduser", "apt", "debian-archive-keyring", "passwd"),
        *("ca-certificates", "libstdc++6", "python3-pip-whl", "python3.13"),
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

_SHADOW = 42
"""Debian's group that may read the passwords' hashes (base-passwd)."""

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
    # The set of packages and our code decide every byte of the image, so both are part of the archive's name.
    name = f"{debs[0].parent.name}-{_code()}-{re.sub(r'[^a-z0-9.]+', '-', reference.lower())}.tar"
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


def comment() -> str:
    """The comment in the history of an image that this code makes; that of other code differs."""
    return f"{MADE}, {_code()}"


@functools.cache
def _code() -> str:
    """The state of the code that makes the image, and of its list of packages."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


def _configuration() -> oci.Configuration:
    return oci.Configuration(
        architecture=packages.machine().architecture,
        environment={
            "PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
        },
        command=("python3",),
        comment=comment(),
    )


def make_root(debs: Sequence[Path], root: Path) -> None:
    """Fill `root` with the packages' files, and with the files that their maintainer scripts would write.

    Raises:
        SandboxError: not root, or a package cannot be unpacked.
    """
    if os.geteuid():
        why = f"unpacking its packages needs root; you are user {os.geteuid()}"
        raise SandboxError("the base image cannot be made", why, "run as root")
    # The modes of what we write ourselves must not depend on the user's umask.
    before = os.umask(0o022)
    try:
        # base-files first: it makes /bin, /lib and /sbin links into /usr, and the other packages' files follow them.
        first = [deb for deb in debs if deb.name.startswith("base-files_")]
        packages.unpack(first, root)
        packages.unpack([deb for deb in debs if deb not in first], root)
        for folder in _UNWANTED:
            shutil.rmtree(root / folder, ignore_errors=True)
        dpkg.write(debs, root)
        _accounts(root)
        _apt(debs[0].parent, root)
        _trust(root)
        _python(root)
    finally:
        os.umask(before)
    _configured(root)


def _configured(root: Path) -> None:
    """Run what the maintainer scripts of mawk, ca-certificates, libpam-runtime and libc-bin run."""
    awk = ("--install", "/usr/bin/awk", "awk", "/usr/bin/mawk", "5")
    for command in (
        ("/usr/bin/update-alternatives", "--quiet", "--log", "/tmp/alternatives.log", *awk),
        ("/usr/sbin/update-ca-certificates",),
        ("/usr/sbin/pam-auth-update", "--package", "--force"),
        ("/sbin/ldconfig",),
    ):
        quiet = {"PATH": "/usr/sbin:/usr/bin", "DEBIAN_FRONTEND": "noninteractive", "PERL_HASH_SEED": "0"}
        processes.run(["chroot", str(root), *command], quiet)
    # ldconfig's cache has inode numbers and times, which differ at every run; what was written to /dev/null is a file.
    for folder in ("var/cache/ldconfig", "tmp", "dev"):
        for path in (root / folder).iterdir():
            path.unlink()


def _accounts(root: Path) -> None:
    """Write what the maintainer scripts of base-passwd, passwd and apt write: the users, their shadow, apt's user."""
    for file in ("passwd", "group"):
        shutil.copyfile(root / f"usr/share/base-passwd/{file}.master", root / f"etc/{file}")
    with (root / "etc/passwd").open("a") as users:
        users.write("_apt:x:42:65534::/nonexistent:/usr/sbin/nologin\n")
    for file, entry in (("passwd", "*:20089:0:99999:7:::"), ("group", "*::")):
        names = [line.partition(":")[0] for line in (root / f"etc/{file}").read_text().splitlines()]
        shadow = root / ("etc/shadow" if file == "passwd" else "etc/gshadow")
        shadow.write_text("".join(f"{name}:{entry}\n" for name in names))
        shadow.chmod(0o640)
        os.chown(shadow, 0, _SHADOW)


def _apt(folder: Path, root: Path) -> None:
    """Give apt the machine's own archives and options; as in the official image, no package starts a service."""
    places = {packages.SOURCES: "sources.list.d/debian.sources", packages.OPTIONS: "apt.conf.d/90machine"}
    for name, place in places.items():
        shutil.copyfile(folder / name, root / "etc/apt" / place)
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)


def _trust(root: Path) -> None:
    """Name the authorities that update-ca-certificates trusts: all of Mozilla's."""
    folder = root / "usr/share/ca-certificates"
    names = sorted(str(authority.relative_to(folder)) for authority in (folder / "mozilla").glob("*.crt"))
    (root / "etc/ca-certificates.conf").write_text("".join(f"{name}\n" for name in names))


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
