"""Package URLs: https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst; the types in types-doc."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit, urlunsplit

from delivery.image.dockerfile import Base
from delivery.image.packages import Package


def of_image(name: str, digest: str, qualifiers: Mapping[str, str]) -> str:
    """An image: oci-definition.md. `name`: with or without its registry; only the last part is in the purl."""
    return _purl("oci", name.rpartition("/")[2].lower(), digest, qualifiers)


def of_base(base: Base) -> str:
    """An image that a build uses; of a named context that is no image, its URL without user, password and query."""
    repository, tag = split(base.reference)
    if not base.is_image:
        scheme, place, path, _, _ = urlsplit(base.reference)
        return urlunsplit((scheme, place.rpartition("@")[2], path, "", ""))
    return of_image(repository, base.digest, {"repository_url": repository, "tag": tag})


def of_package(package: Package, system: Mapping[str, str]) -> str:
    """A package: deb-definition.md, pypi-definition.md. `system`: ID and VERSION_ID of os-release(5).

    `upstream` is the qualifier in which syft and grype give the source package.
    """
    if package.kind != "deb":
        return _purl(package.kind, package.name, package.version, {})
    vendor = system.get("ID", "debian")
    release = "-".join(filter(None, (system.get("ID"), system.get("VERSION_ID"))))
    qualifiers = {"arch": package.architecture, "distro": release, "upstream": package.source}
    return _purl(f"deb/{vendor}", package.name, package.version, qualifiers)


def split(reference: str) -> tuple[str, str]:
    """The repository, with its registry, and the tag of a reference; the tag may be empty."""
    name = reference.partition("@")[0]
    repository, colon, tag = name.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (name, "")


def _purl(kind: str, name: str, version: str, qualifiers: Mapping[str, str]) -> str:
    at = f"@{quote(version, safe=':')}" if version else ""
    given = "&".join(f"{key}={quote(value, safe=':/')}" for key, value in sorted(qualifiers.items()) if value)
    return f"pkg:{kind}/{quote(name, safe=':')}{at}" + (f"?{given}" if given else "")
