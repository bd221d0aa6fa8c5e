"""What a private apt is told: pure text, made from what the machine's own apt says. Runs nothing."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError

DEBIAN_RELEASE = "trixie"
"""The Debian release everything is taken from: the first with buildx and Python 3.13."""

RUNC_FROM_HOST_BELOW = (2, 38)
"""The glibc below which that release's runc does not start, so that the host's own is taken."""

KEYRINGS = {
    "debian": "/usr/share/keyrings/debian-archive-keyring.gpg",
    "ubuntu": "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
}

_ROLLING = frozenset({"stable", "testing", "unstable", "sid"})
_INDEX = re.compile(r"^'(?P<uri>\S+?)/?dists/(?P<suite>[^/' ]+)/InRelease'")
_HOST_OPTION = re.compile(r"^Acquire::(https?|ftp|Check-[\w-]+|ForceIPv[46]|Queue-Mode)\b.* \"[^\"]*\";$")


@dataclass(frozen=True)
class Machine:
    """A Debian or Ubuntu machine: `distribution` is ``debian`` or ``ubuntu``, `glibc` like (2, 36)."""

    distribution: str
    codename: str
    architecture: str
    glibc: tuple[int, ...]


@dataclass(frozen=True)
class Source:
    """One signed archive and the suites wanted of it, as in sources.list(5)."""

    uri: str
    suites: tuple[str, ...]
    components: str
    keyring: str

    @property
    def lines(self) -> str:
        """The one-line-style entries."""
        return "".join(
            f"deb [signed-by={self.keyring}] {self.uri} {suite} {self.components}\n" for suite in self.suites
        )


def distribution(os_release: str) -> tuple[str, str]:
    """(ID, codename) out of os-release(5), like (``debian``, ``trixie``); derivatives count as themselves."""
    fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', os_release, re.M))
    return fields.get("ID", "unknown"), fields.get("VERSION_CODENAME", "")


def sources(machine: Machine, listing: str) -> tuple[Source, ...]:
    """The archives to fetch from.

    Args:
        machine: whose release decides the suites.
        listing: what ``apt-get update --print-uris`` says: the machine's own archives or mirrors.

    Raises:
        SandboxError: the machine's apt names no archive of its own distribution.
    """
    indexes = [(found["uri"], found["suite"]) for found in map(_INDEX.match, listing.splitlines()) if found]
    found = _ubuntu(machine, indexes) if machine.distribution == "ubuntu" else _debian(machine, indexes)
    if not found:
        raise SandboxError(
            f"this machine's apt sources name no {machine.distribution} archive ({machine.codename})",
            "look at /etc/apt/sources.list and /etc/apt/sources.list.d",
        )
    return found


def _debian(machine: Machine, indexes: Sequence[tuple[str, str]]) -> tuple[Source, ...]:
    updated = {uri for uri, suite in indexes if suite.endswith("-updates")}
    # Other archives (Docker's) use the codename as a suite too; only the distribution itself has "-updates".
    own = sorted(
        (uri for uri, suite in indexes if suite in {machine.codename, *_ROLLING}), key=lambda uri: uri not in updated
    )
    security = [uri for uri, suite in indexes if suite.endswith("-security")]
    releases = (DEBIAN_RELEASE, machine.codename) if takes_host_runc(machine) else (DEBIAN_RELEASE,)
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


def debian_elsewhere(debootstrap: str, keyrings: Path) -> tuple[Source, ...]:
    """Debian's archive where the machine's own sources do not name it; security updates stand beside it.

    Args:
        debootstrap: the text of debootstrap(8), which knows the archive's address.
        keyrings: where debian-archive-keyring is unpacked.
    """
    found = re.search(r'^DEF_MIRROR="(\S+)"$', debootstrap, re.M)
    if not found:
        raise SandboxError("this machine's debootstrap does not say where Debian's archive is")
    keyring = f"{keyrings}{KEYRINGS['debian']}"
    return (
        Source(found[1], (DEBIAN_RELEASE,), "main", keyring),
        Source(f"{found[1]}-security", (f"{DEBIAN_RELEASE}-security",), "main", keyring),
    )


def takes_host_runc(machine: Machine) -> bool:
    """Whether runc must come from the machine's own release."""
    return machine.distribution == "debian" and machine.glibc < RUNC_FROM_HOST_BELOW


def preferences(machine: Machine) -> str:
    """apt_preferences(5): the machine's own release is good for runc and for nothing else."""
    if not takes_host_runc(machine):
        return ""
    return "\n".join(
        f"Package: {packages}\nPin: release n={machine.codename}{part}\nPin-Priority: {priority}\n"
        for part in ("", "-security")
        for packages, priority in (("runc", 1001), ("*", -1))
    )


def configuration(folder: Path, host_options: Iterable[str]) -> str:
    """apt.conf(5) of an apt that lives in `folder` and shares with the machine's only how to reach the net.

    Args:
        folder: has ``sources.list``, ``preferences``, ``state`` and ``cache``.
        host_options: lines of ``apt-config dump``; proxies and date checks are carried over.
    """
    nowhere = ("main", "parts", "sourceparts", "preferencesparts", "trusted", "trustedparts")
    own = (
        *(f'Dir::Etc::{name} "/dev/null";' for name in nowhere),
        f'Dir::Etc::sourcelist "{folder}/sources.list";',
        f'Dir::Etc::preferences "{folder}/preferences";',
        f'Dir::State "{folder}/state";',
        f'Dir::State::status "{folder}/state/status";',
        f'Dir::Cache "{folder}/cache";',
        # Downloads go to a folder of ours, which apt's own unprivileged user could not write.
        'APT::Sandbox::User "root";',
        'APT::Update::Error-Mode "any";',
        'APT::Install-Recommends "false";',
        'Acquire::AllowInsecureRepositories "false";',
        'Acquire::Languages "none";',
        'Acquire::Retries "3";',
    )
    carried = (line for line in host_options if _HOST_OPTION.match(line))
    return "\n".join((*carried, *own)) + "\n"
