"""The software bill of materials of an image: CycloneDX 1.6, made from its layers.

https://cyclonedx.org/docs/1.6/json/. The same image gives the same bytes: no time, and the serial number is derived
from the document. What the layers may have besides the listed packages is said in the properties `delivery:gap`.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from delivery.image import components, layers, packages, purl, requirements
from delivery.image.dockerfile import Base
from delivery.image.inspect import InspectedImage
from delivery.image.layers import Blobs
from delivery.image.packages import Inventory
from delivery.image.recipe import Recipe
from delivery.image.requirements import Hashes

MEDIA_TYPE = "application/vnd.cyclonedx+json"  # https://www.iana.org/assignments/media-types
_FROM = "delivery:from"
Sbom = dict[str, Any]


def make(image: InspectedImage, blobs: Blobs, recipe: Recipe) -> Sbom:
    """The SBOM of an image, from its layers; the recipe has the base and the hashes of the lock, which no layer has.

    Raises BuildError for a layer that cannot be read, or CloudError.
    """
    files = layers.read(image.document["layers"], blobs, packages.choose)
    own = image.config.get("config") or {}
    environment = dict(each.partition("=")[::2] for each in own.get("Env") or ())
    digest = f"sha256:{hashlib.sha256(image.manifest).hexdigest()}"
    url = purl.of_image(recipe.target, digest, {"arch": str(image.config.get("architecture", ""))})
    return document(_container(recipe.target, digest, url), packages.inventory(files, environment), recipe)


def document(subject: Mapping[str, Any], inventory: Inventory, recipe: Recipe) -> Sbom:
    """The SBOM of an image with these packages. `subject`: its component."""
    gaps = [*inventory.gaps, *_base_gaps(recipe.base)]
    composition = {
        "aggregate": "incomplete" if gaps else "unknown",  # files that no package owns are not listed
        "assemblies": [subject["bom-ref"]],
    }
    about: dict[str, Any] = {"lifecycles": [{"phase": "post-build"}], "component": subject}
    properties = [{"name": components.GAP, "value": gap} for gap in gaps]
    packaged = _components(inventory, requirements.hashes(recipe.lock))
    bom: Sbom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {**about, **({"properties": properties} if properties else {})},
        "components": [*_base(recipe.base), *_system(inventory.system), *packaged],
        "compositions": [composition],
    }
    return {**bom, "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, encode(bom).decode()).urn}


def encode(bom: Sbom) -> bytes:
    """The bytes of an SBOM: always the same of the same SBOM."""
    return json.dumps(bom, sort_keys=True, separators=(",", ":")).encode()


def _container(name: str, digest: str, url: str) -> dict[str, Any]:
    component = {"type": "container", "bom-ref": url, "name": name, "purl": url}
    hashes = [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}]
    return {**component, "version": digest, "hashes": hashes} if digest else component


def _base(base: Base | None) -> Iterable[dict[str, Any]]:
    """The base image, with its name in the Dockerfile if a named context stands in for it."""
    if base and base.is_image:
        component = _container(purl.split(base.reference)[0], base.digest, purl.of_base(base))
        yield {**component, "properties": [{"name": _FROM, "value": base.name}]}


def _base_gaps(base: Base | None) -> Iterable[str]:
    if base and not base.digest:
        yield f"base: the digest of {purl.of_base(base)} is not known"


def _system(system: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    if name := system.get("ID", ""):
        version = system.get("VERSION_ID", "")
        component = {"type": "operating-system", "bom-ref": f"system:{name}-{version}", "name": name}
        yield {**component, "version": version} if version else component


def _components(inventory: Inventory, hashes: Hashes) -> list[dict[str, Any]]:
    """A component for each package; one that is recorded in several files has all of them."""
    made: dict[str, dict[str, Any]] = {}
    for package in inventory.packages:
        url = purl.of_package(package, inventory.system)
        kind = "application" if package.kind == "generic" else "library"
        new = {"type": kind, "bom-ref": url, "name": package.name, "version": package.version, "purl": url}
        component = made.setdefault(url, new)
        if package.path and package.kind == "pypi":
            evidence = component.setdefault("evidence", {"occurrences": []})
            evidence["occurrences"].append({"location": f"/{package.path.encode(errors='replace').decode()}"})
            if accepted := hashes.get(requirements.key(package.name, package.version)):
                component["externalReferences"] = [_distribution(url, accepted)]
    return [made[url] for url in sorted(made)]


def _distribution(url: str, hashes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "type": "distribution",
        "url": url,
        "comment": "the files of this version that requirements.txt accepts",
        "hashes": [{"alg": "SHA-256", "content": each} for each in hashes],
    }
