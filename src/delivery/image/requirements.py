"""The hashes of a requirements file: which files of a package pip may install.

https://pip.pypa.io/en/stable/topics/secure-installs/#hash-checking-mode
"""

import re
from collections.abc import Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

Hashes = Mapping[tuple[str, str], tuple[str, ...]]
"""Normalized name and version to the SHA-256 digests of the package's files, in hex, sorted."""

_HASH = re.compile(r"\s--hash=sha256:([0-9a-f]{64})\b")
_OPTION = re.compile(r"\s--\S+|\s#.*")


def hashes(text: str) -> Hashes:
    """The hashes of each package that is pinned to one version; lines of any other form have none."""
    pinned: dict[tuple[str, str], set[str]] = {}
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        digests = _HASH.findall(line)
        if digests and (key := _pinned(_OPTION.sub("", line))):
            pinned.setdefault(key, set()).update(digests)
    return {key: tuple(sorted(digests)) for key, digests in pinned.items()}


def key(name: str, version: str) -> tuple[str, str]:
    """The key of a package: two spellings of a name or a version have one key."""
    try:
        return canonicalize_name(name), str(Version(version))
    except InvalidVersion:
        return canonicalize_name(name), version


def _pinned(line: str) -> tuple[str, str] | None:
    try:
        requirement = Requirement(line.strip())
    except InvalidRequirement:
        return None
    pins = [each.version for each in requirement.specifier if each.operator in ("==", "===")]
    return key(requirement.name, pins[0]) if len(pins) == 1 else None
