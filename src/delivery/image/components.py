"""The packages that an SBOM lists, and what differs between two SBOMs.

An SBOM that somebody else wrote is read as it comes: a component without a name or a purl is no package, and a text is
never longer than a line.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_LONGEST = 200  # characters of a name or a version
GAP = "delivery:gap"
"""The name of a property: https://github.com/CycloneDX/cyclonedx-property-taxonomy."""
BASE = "base"


@dataclass(frozen=True, order=True)
class Component:
    """A package of an image. `kind`: the type of its purl, or `base` for the base image."""

    kind: str
    name: str
    version: str


@dataclass(frozen=True, order=True)
class Change:
    """A package whose versions differ. `before` and `after`: the versions, empty if the image does not have it."""

    kind: str
    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def of(bom: Mapping[str, Any]) -> tuple[Component, ...]:
    """The packages and the base image of an SBOM, sorted, each once."""
    listed = bom.get("components")
    found = (_component(each) for each in listed if isinstance(each, dict)) if isinstance(listed, list) else ()
    return tuple(sorted({each for each in found if each}))


def gaps(bom: Mapping[str, Any]) -> tuple[str, ...]:
    """What the SBOM says about itself that it does not list."""
    metadata = bom.get("metadata")
    properties = metadata.get("properties") if isinstance(metadata, dict) else None
    listed = properties if isinstance(properties, list) else []
    return tuple(_line(each.get("value")) for each in listed if isinstance(each, dict) and each.get("name") == GAP)


def changes(before: Iterable[Component], after: Iterable[Component]) -> tuple[Change, ...]:
    """The packages whose versions differ, sorted by kind and name; the base only if the digests of both are known."""
    old, new = _versions(before), _versions(after)
    names = sorted({*old, *new})
    found = (Change(*key, old.get(key, ()), new.get(key, ())) for key in names if old.get(key) != new.get(key))
    return tuple(each for each in found if each.kind != BASE or (each.before and each.after))


def _versions(components: Iterable[Component]) -> dict[tuple[str, str], tuple[str, ...]]:
    versions: dict[tuple[str, str], tuple[str, ...]] = {}
    for each in sorted(components):
        if each.kind != BASE:
            versions[each.kind, each.name] = (*versions.get((each.kind, each.name), ()), each.version)
        elif each.version:
            versions[BASE, ""] = (f"{each.name}@{each.version}",)
    return versions


def _component(described: Mapping[str, Any]) -> Component | None:
    name, version, url = (_line(described.get(key)) for key in ("name", "version", "purl"))
    scheme, _, rest = url.partition(":")
    kind = rest.partition("/")[0]
    return Component(BASE if kind == "oci" else kind, name, version) if scheme == "pkg" and kind and name else None


def _line(value: object) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_LONGEST])
