"""Signed packages, fetched by a private apt and unpacked; nothing on the system changes."""

import hashlib
import os
import platform
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from sandbox import processes
from sandbox.debian import apt
from sandbox.errors import SandboxError
from sandbox.layout import Layout

INDEX_SECONDS = 3600
"""How long a downloaded package index is used, in seconds."""

SOURCES, OPTIONS = "debian.sources", "options"
"""Files beside the packages of a set for an image: where an apt in that image finds more, and its options."""

_FETCH_SECONDS = 600


@dataclass(frozen=True)
class PackageSet:
    """Packages that are fetched together.

    Attributes:
        name: names their folder.
        packages: their names.
        dependencies: also fetch all that they depend on.
        debian: take them from Debian even where the machine is not Debian.
    """

    name: str
    packages: tuple[str, ...]
    dependencies: bool = False
    debian: bool = False


_BOOTSTRAP = PackageSet("debian", ("debootstrap", "debian-archive-keyring"))
"""Ubuntu's own signed packages that have the address of Debian's archive and its keys."""


def system() -> str:
    """This machine's distribution: ``debian``, ``ubuntu``, or another name."""
    release = Path("/etc/os-release")
    name = apt.distribution(release.read_text())[0] if release.exists() else platform.system()
    return name if shutil.which("apt-get") and shutil.which("dpkg-deb") else f"{name} without apt-get"


def machine() -> apt.Machine:
    """This machine.

    Raises:
        SandboxError: it is neither Debian nor Ubuntu.
    """
    name = system()
    if name not in apt.KEYRINGS:
        raise SandboxError("packages cannot be fetched", f"that needs Debian or Ubuntu; this is {name}")
    codename = apt.distribution(Path("/etc/os-release").read_text())[1]
    architecture = processes.run(["dpkg", "--print-architecture"]).strip()
    return apt.Machine(name, codename, architecture, Version(platform.libc_ver()[1]))


def fetch(layout: Layout, chosen: PackageSet) -> tuple[Path, ...]:
    """The .deb files of the set, sorted by name; from the cache when the whole set was fetched before.

    Raises:
        SandboxError: no network, a wrong signature, or no such package; with apt's last lines.
    """
    host = machine()
    key = hashlib.sha256(repr((host, chosen)).encode()).hexdigest()[:8]
    folder = layout.cache / "debs" / f"{chosen.name}-{key}"
    if not folder.exists():
        foreign = chosen.debian and host.distribution != "debian"
        private = layout.cache / ("apt-debian" if foreign else "apt")
        sources = _debian(layout) if foreign else apt.sources(host, _machine_archives())
        with processes.locked(layout, "apt"):
            environment = _prepare(private, sources, "" if foreign else apt.preferences(host))
            _update(private, environment)
            fresh = folder.with_suffix(".part")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            _download(chosen, fresh, environment)
            if chosen.debian:
                (fresh / SOURCES).write_text(apt.sources_of_image(sources))
                (fresh / OPTIONS).write_text(apt.options_of_image(_dump()))
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
    return tuple(sorted(folder.glob("*.deb")))


def unpack(debs: Sequence[Path], target: Path) -> None:
    """Unpack the packages' files into `target`; no maintainer script runs. Raises SandboxError when one is broken."""
    target.mkdir(parents=True, exist_ok=True)

    def extract(deb: Path) -> None:
        processes.run(["dpkg-deb", "--extract", str(deb), str(target)], timeout=_FETCH_SECONDS)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        list(pool.map(extract, debs))


def _machine_archives() -> str:
    return processes.run(["apt-get", "update", "--print-uris"])


def _dump() -> list[str]:
    return processes.run(["apt-config", "dump"]).splitlines()


def _debian(layout: Layout) -> tuple[apt.Source, ...]:
    """Debian's archive, on a machine that is not Debian."""
    folder = layout.cache / "debian"
    unpack(fetch(layout, _BOOTSTRAP), folder)
    return apt.debian_elsewhere((folder / "usr/sbin/debootstrap").read_text(), folder)


def _prepare(folder: Path, sources: Sequence[apt.Source], preferences: str) -> dict[str, str]:
    """Write the private apt's configuration; returns the environment that makes apt use it."""
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    # An empty list of installed packages, so that every dependency counts as missing.
    (folder / "state/status").touch()
    (folder / "sources.list").write_text("".join(source.lines for source in sources))
    (folder / "preferences").write_text(preferences)
    configuration = folder / "apt.conf"
    configuration.write_text(apt.configuration(folder, _dump()))
    return {**os.environ, "APT_CONFIG": str(configuration), "LC_ALL": "C"}


def _update(folder: Path, environment: dict[str, str]) -> None:
    """Fetch the signed package index, unless there is a fresh one of the same sources."""
    done = folder / "updated"
    sources = (folder / "sources.list").read_text()
    if done.exists() and done.read_text() == sources and time.time() - done.stat().st_mtime < INDEX_SECONDS:
        return
    done.unlink(missing_ok=True)
    try:
        processes.run(["apt-get", "update", "--quiet=2"], environment, timeout=_FETCH_SECONDS)
    except SandboxError as error:
        raise SandboxError(
            "the package index cannot be fetched",
            f"{error.what}\n{error.why}",
            "check that `apt-get update` works here and that debian-archive-keyring is up to date",
        ) from error
    done.write_text(sources)


def _download(chosen: PackageSet, folder: Path, environment: dict[str, str]) -> None:
    """Download the set into `folder`; apt checks sizes and hashes against the signed index."""
    if chosen.dependencies:
        options = ["--yes", "--quiet=2", "--download-only", f"--option=Dir::Cache::archives={folder}"]
        command = ["apt-get", "install", *options, *chosen.packages]
        (folder / "partial").mkdir()
        processes.run(command, environment, timeout=_FETCH_SECONDS)
        return
    processes.run(["apt-get", "download", "--quiet=2", *chosen.packages], environment, _FETCH_SECONDS, cwd=folder)
