"""The configuration of the private apt: text made from the output of the machine's own apt. Runs nothing."""

import re
import urllib.parse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from sandbox.errors import SandboxError

DEBIAN_RELEASE = "trixie"
"""The Debian release that packages come from: the first with buildx and Python 3.13."""

OLDEST_GLIBC = Version("2.38")
"""The oldest glibc with which that release's runc starts; an older machine takes the runc of its own release."""

KEYRINGS = {
    "debian": "/usr/share/keyrings/debian-archive-keyring.gpg",
    "ubuntu": "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
}

_ROLLING = frozenset({"stable", "testing", "unstable", "sid"})
_INDEX = re.compile(r"^'(?P<uri>\S+?)/?dists/(?P<suite>[^/' ]+)/InRelease'")
_HOST_OPTION = re.compile(r"^Acquire::(https?|ftp|Check-[\w-]+|ForceIPv[46]|Queue-Mode)\b.* \"[^\"]*\";$")


@dataclass(frozen=True)
class Machine:
    """A Debian or Ubuntu machine: `distribution` is ``debian`` or ``ubuntu``, `architecture` as dpkg names it."""

    distribution: str
    codename: str
    architecture: str
    glibc: Version


@dataclass(frozen=True)
class Source:
    """One signed archive and the suites to use, as in sources.list(5)."""

    uri: str
    suites: tuple[str, ...]
    components: str
    keyring: str

    @property
    def lines(self) -> str:
        """The entries in one-line style."""
        return "".join(
            f"deb [signed-by={self.keyring}] {self.uri} {suite} {self.components}\n" for suite in self.suites
        )


def distribution(os_release: str) -> tuple[str, str]:
    """(ID, codename) of os-release(5), such as (``debian``, ``trixie``); a derivative has an ID of its own."""
    fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', os_release, re.M))
    return fields.get("ID", "unknown"), fields.get("VERSION_CODENAME", "")


def sources(machine: Machine, listing: str) -> tuple[Source, ...]:
    """The archives to fetch from.

    Args:
        machine: its release decides the suites.
        listing: the output of ``apt-get update --print-uris``: the machine's own archives or mirrors.

    Raises:
        SandboxError: the machine's apt names no archive of its own distribution.
    """
    indexes = [(index["uri"], index["suite"]) for index in map(_INDEX.match, listing.splitlines()) if index]
    archives = _ubuntu(machine, indexes) if machine.distribution == "ubuntu" else _debian(machine, indexes)
    if not archives:
        raise SandboxError(
            "packages cannot be fetched",
            f"this machine's apt sources name no {machine.distribution} archive ({machine.codename})",
            "correct /etc/apt/sources.list and /etc/apt/sources.list.d",
        )
    return archives


def _debian(machine: Machine, indexes: Sequence[tuple[str, str]]) -> tuple[Source, ...]:
    updated = {uri for uri, suite in indexes if suite.endswith("-updates")}
    # Other archives, such as Docker's, use the codename as a suite too; only the distribution's has "-updates".
    own = sorted(
        (uri for uri, suite in indexes if suite in {machine.codename, *_ROLLING}), key=lambda uri: uri not in updated
    )
    security = [uri for uri, suite in indexes if suite.endswith("-security")]
    releases = (DEBIAN_RELEASE, machine.codename) if needs_own_runc(machine) else (DEBIAN_RELEASE,)
    secured = tuple(f"{name}-security" for name in releases)
    keyring = KEYRINGS["debian"]
    return (
        *(Source(uri, releases, "main", keyring) for uri in own[:1]),
        *(Source(uri, secured, "main", keyring) for uri in security[:1] if own),
    )


def _ubuntu(machine: Machine, indexes: Sequence[tuple[str, str]]) -> tuple[Source, ...]:
    suites = [f"{machine.codename}{part}" for part in ("", "-updates", "-security")]
    places = {suite: uri for uri, suite in reversed(indexes)}
    known = [suite for suite in suites if suite in places]
    return tuple(Source(places[suite], (suite,), "main universe", KEYRINGS["ubuntu"]) for suite in known)


def sources_of_image(sources: Iterable[Source]) -> str:
    """The archives of `DEBIAN_RELEASE` in deb822 style (sources.list(5)), for an image; without a login."""
    entries = []
    for source in sources:
        parts = urllib.parse.urlsplit(source.uri)
        uri = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        suites = " ".join(suite for suite in source.suites if suite.startswith(DEBIAN_RELEASE))
        fields = {"Types": "deb", "URIs": uri, "Suites": suites, "Components": source.components}
        fields["Signed-By"] = KEYRINGS["debian"]
        entries.append("".join(f"{name}: {value}\n" for name, value in fields.items()))
    return "\n".join(entries)


def options_of_image(host_options: Iterable[str]) -> str:
    """The machine's options for the network, for apt in an image: those with a login are left out."""
    return "".join(f"{line}\n" for line in host_options if _HOST_OPTION.match(line) and "@" not in line)


def debian_elsewhere(debootstrap: str, keyrings: Path) -> tuple[Source, ...]:
    """Debian's archive for a machine whose own sources do not name it; its security archive has a similar address.

    Args:
        debootstrap: the text of debootstrap(8), which has the archive's address.
        keyrings: the folder that debian-archive-keyring is unpacked into.

    Raises:
        SandboxError: the text has no address.
    """
    mirror = re.search(r'^DEF_MIRROR="(\S+)"$', debootstrap, re.M)
    if not mirror:
        raise SandboxError("the address of Debian's archive is unknown", "debootstrap has no DEF_MIRROR")
    keyring = f"{keyrings}{KEYRINGS['debian']}"
    return (
        Source(mirror[1], (DEBIAN_RELEASE,), "main", keyring),
        Source(f"{mirror[1]}-security", (f"{DEBIAN_RELEASE}-security",), "main", keyring),
    )


def needs_own_runc(machine: Machine) -> bool:
    """Whether runc must come from the machine's own release."""
    return machine.distribution == "debian" and machine.glibc < OLDEST_GLIBC


def preferences(machine: Machine) -> str:
    """apt_preferences(5): only runc may come from the machine's own release."""
    if not needs_own_runc(machine):
        return ""
    return "\n".join(
        f"Package: {packages}\nPin: release n={machine.codename}{part}\nPin-Priority: {priority}\n"
        for part in ("", "-security")
        for packages, priority in (("runc", 1001), ("*", -1))
    )


def configuration(folder: Path, host_options: Iterable[str]) -> str:
    """apt.conf(5) of an apt that uses only `folder`, and of the machine's options only those for the network.

    Args:
        folder: has ``sources.list``, ``preferences``, ``state`` and ``cache``.
        host_options: lines of ``apt-config dump``; proxies and date checks are copied.
    """
    nowhere = ("main", "parts", "sourceparts", "preferencesparts", "trusted", "trustedparts")
    own = (
        *(f'Dir::Etc::{name} "/dev/null";' for name in nowhere),
        f'Dir::Etc::sourcelist "{folder}/sources.list";',
        f'Dir::Etc::preferences "{folder}/preferences";',
        f'Dir::State "{folder}/state";',
        f'Dir::State::status "{folder}/state/status";',
        f'Dir::Cache "{folder}/cache";',
        # apt's own unprivileged user could not write to our folder.
        'APT::Sandbox::User "root";',
        'APT::Update::Error-Mode "any";',
        'APT::Install-Recommends "false";',
        'Acquire::AllowInsecureRepositories "false";',
        'Acquire::Languages "none";',
        'Acquire::Retries "3";',
    )
    copied = (line for line in host_options if _HOST_OPTION.match(line))
    return "\n".join((*copied, *own)) + "\n"
