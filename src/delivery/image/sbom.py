"""The software bill of materials of an image: CycloneDX 1.6, made from its layers.

https://cyclonedx.org/docs/1.6/json/. The same image gives the same bytes: no time, and the serial number is derived
from the document. What the layers may have besides the listed packages is said in the properties `delivery:gap`.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from delivery.image import layers, packages, requirements
from delivery.image.inspect import InspectedImage
from delivery.image.layers import OpenBlob
from delivery.image.packages import Inventory, Package
from delivery.image.requirements import Hashes

MEDIA_TYPE = "application/vnd.cyclonedx+json"  # https://www.iana.org/assignments/media-types
PREDICATE_TYPE = (
    "https://cyclonedx.org/bom"  # https://github.com/in-toto/attestation/blob/main/spec/predicates/cyclonedx.md
)
GAP = "delivery:gap"  # the name of a property: https://github.com/CycloneDX/cyclonedx-property-taxonomy
BASE = "delivery:base"
Sbom = dict[str, Any]


@dataclass(frozen=True)
class Origin:
    """What the layers do not say. `lock`: the requirements file of the function. `bases`: reference to digest."""

    lock: str = ""
    bases: Mapping[str, str] = field(default_factory=dict)


def make(name: str, image: InspectedImage, open_blob: OpenBlob, origin: Origin) -> Sbom:
    """The SBOM of an image, from its layers. `name`: that of its bake target.

    Raises BuildError for a layer that cannot be read, or CloudError.
    """
    files = layers.read(image.document["layers"], open_blob, packages.choose)
    own = image.config.get("config") or {}
    environment = dict(each.partition("=")[::2] for each in own.get("Env") or ())
    digest = f"sha256:{hashlib.sha256(image.manifest).hexdigest()}"
    subject = _container(name, digest, {"arch": str(image.config.get("architecture", ""))})
    return document(subject, packages.inventory(files, environment), origin)


def document(subject: Mapping[str, Any], inventory: Inventory, origin: Origin) -> Sbom:
    """The SBOM of an image with these packages. `subject`: its component."""
    components = [_base(*base) for base in sorted(origin.bases.items())]
    components += _system(inventory.system)
    components += _components(inventory, requirements.hashes(origin.lock))
    composition = {
        "aggregate": "incomplete" if inventory.gaps else "unknown",  # files that no package owns are not listed
        "assemblies": [subject["bom-ref"]],
    }
    gaps = [{"name": GAP, "value": gap} for gap in inventory.gaps]
    about: dict[str, Any] = {"lifecycles": [{"phase": "post-build"}], "component": subject}
    bom: Sbom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {**about, **({"properties": gaps} if gaps else {})},
        "components": components,
        "compositions": [composition],
    }
    return {**bom, "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, encode(bom).decode()).urn}


def encode(bom: Sbom) -> bytes:
    """The bytes of an SBOM: always the same of the same SBOM."""
    return json.dumps(bom, sort_keys=True, separators=(",", ":")).encode()


def _container(name: str, digest: str, qualifiers: Mapping[str, str]) -> dict[str, Any]:
    """An image as a component: https://github.com/package-url/purl-spec/blob/main/types-doc/oci-definition.md."""
    short = name.rpartition("/")[2].lower()
    purl = _purl("oci", short, digest, qualifiers)
    hashes = [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}]
    return {"type": "container", "bom-ref": purl, "name": name, "version": digest, "purl": purl, "hashes": hashes}


def _base(reference: str, digest: str) -> dict[str, Any]:
    """The base image. `reference`: with its registry, as BuildKit names it."""
    repository, _, tag = reference.partition("@")[0].rpartition(":")
    if not repository or "/" in tag:
        repository, tag = reference.partition("@")[0], ""
    component = _container(repository, digest, {"repository_url": repository, "tag": tag})
    return {**component, "properties": [{"name": BASE, "value": reference}]}


def _system(system: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    if name := system.get("ID", ""):
        version = system.get("VERSION_ID", "")
        component = {"type": "operating-system", "bom-ref": f"system:{name}-{version}", "name": name}
        yield {**component, "version": version} if version else component


def _components(inventory: Inventory, hashes: Hashes) -> list[dict[str, Any]]:
    """A component for each package; one that is recorded in several files has all of them."""
    components: dict[str, dict[str, Any]] = {}
    for package in inventory.packages:
        purl = _package_url(package, inventory.system)
        kind = "application" if package.kind == "generic" else "library"
        made = {"type": kind, "bom-ref": purl, "name": package.name, "version": package.version, "purl": purl}
        component = components.setdefault(purl, made)
        if package.path and package.kind == "pypi":
            evidence = component.setdefault("evidence", {"occurrences": []})
            evidence["occurrences"].append({"location": f"/{package.path.encode(errors='replace').decode()}"})
            if accepted := hashes.get(requirements.key(package.name, package.version)):
                component["externalReferences"] = [_distribution(purl, accepted)]
    return [components[purl] for purl in sorted(components)]


def _distribution(purl: str, hashes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "type": "distribution",
        "url": purl,
        "comment": "the files of this version that requirements.txt accepts",
        "hashes": [{"alg": "SHA-256", "content": each} for each in hashes],
    }


def _package_url(package: Package, system: Mapping[str, str]) -> str:
    """https://github.com/package-url/purl-spec/blob/main/types-doc/deb-definition.md, pypi-definition.md.

    `upstream` is the qualifier in which syft and grype give the source package.
    """
    if package.kind != "deb":
        return _purl(package.kind, package.name, package.version, {})
    vendor = system.get("ID", "debian")
    release = "-".join(filter(None, (system.get("ID"), system.get("VERSION_ID"))))
    qualifiers = {"arch": package.architecture, "distro": release, "upstream": package.source}
    return _purl(f"deb/{vendor}", package.name, package.version, qualifiers)


def _purl(kind: str, name: str, version: str, qualifiers: Mapping[str, str]) -> str:
    """https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst; qualifiers are sorted."""
    given = "&".join(f"{key}={quote(value, safe=':/')}" for key, value in sorted(qualifiers.items()) if value)
    return f"pkg:{kind}/{quote(name, safe=':')}@{quote(version, safe=':')}" + (f"?{given}" if given else "")
