"""What Lambda takes: rules on an image's own bytes, for an image that is to be pushed and for one that is there.

https://docs.aws.amazon.com/lambda/latest/dg/images-create.html, "Requirements".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from delivery.errors import BuildError

# Ibid.: these two, one architecture, no index
MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
# Lambda refuses an image for a "layer media type" too, and names none; docker and buildx make these by default.
LAYERS = (
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar",
)
LARGEST = 10 * 1024**3  # bytes, ibid.: "maximum uncompressed image size of 10 GB, including all layers"
LARGEST_MANIFEST = 25_400  # bytes, ibid.
_DOCKERFILE = "correct the Dockerfile, then `invoke build-image --env ...`"


@dataclass(frozen=True)
class Candidate:
    """An image as people name it, its manifest's bytes and its configuration.

    `uncompressed`: bytes of all layers, or less where nobody has counted: a registry knows the compressed ones only.
    """

    name: str
    manifest: bytes
    config: Mapping[str, Any]
    uncompressed: int

    @property
    def document(self) -> dict[str, Any]:
        """The manifest, read."""
        found: dict[str, Any] = json.loads(self.manifest)
        return found

    def words(self) -> str:
        """Its size for people."""
        layers = self.document["layers"]
        return f"{sum(layer['size'] for layer in layers) / 1e6:.1f} MB compressed, {len(layers)} layers"


def require(image: Candidate, platform: str) -> None:
    """Raises BuildError with the first rule that the image breaks."""
    _require_manifest(image)
    _require_size(image)
    found = f"{image.config.get('os')}/{image.config.get('architecture')}"
    if found != platform:
        why = f"build.platform in invoke.yaml is {platform}."
        raise BuildError(f"{image.name} was built for {found}.", why, "correct build.platform, deploy again")
    settings = image.config.get("config") or {}  # OCI image configuration: optional, and so is each key
    if not settings.get("Entrypoint") and not settings.get("Cmd"):
        why = "Lambda starts the image's own program: ENTRYPOINT, CMD, or both."
        raise BuildError(f"{image.name} names no program to start.", why, _DOCKERFILE)
    user = str(settings.get("User") or "").partition(":")[0]
    if user in ("", "0", "root"):
        # Lambda ignores USER: what runs as root here, and in every test, would run there as somebody else.
        why = 'Lambda runs it as a user "with least-privileged permissions", whatever the image says.'
        raise BuildError(f"{image.name} runs as root.", why, "`USER 65532:65532` in the Dockerfile")


def _require_manifest(image: Candidate) -> None:
    document = image.document
    media_type = document.get("mediaType") or ("manifest" if "config" in document else "index")
    if media_type not in (*MANIFESTS, "manifest"):
        why = "Lambda takes one manifest: no index, no attestations."
        raise BuildError(
            f"{image.name} is a {media_type}.", why, "keep provenance and sbom disabled in docker-bake.hcl"
        )
    if len(image.manifest) >= LARGEST_MANIFEST:
        raise BuildError(
            f"{image.name} has a manifest of {len(image.manifest):,} bytes, {len(document['layers'])} layers.",
            f"Lambda takes less than {LARGEST_MANIFEST:,}.",
            "fewer layers: one RUN or COPY for several, and no annotations",
        )
    for layer in document["layers"]:
        if (kind := layer.get("mediaType", LAYERS[0])) not in LAYERS:
            why = "Lambda refuses layer media types that it does not know; gzip it knows."
            raise BuildError(f"{image.name} has a layer of type {kind}.", why, "compression=gzip in docker-bake.hcl")


def _require_size(image: Candidate) -> None:
    compressed = sum(layer["size"] for layer in image.document["layers"])
    size, how = max((image.uncompressed, "layers"), (compressed, "compressed layers"))
    if size > LARGEST:
        raise BuildError(
            f"{image.name} has {size / 1024**3:.1f} GiB of {how}.",
            "Lambda takes at most 10 GB, uncompressed.",
            "remove what the function does not need from the Dockerfile",
        )
