"""Inspects an image: a built one in a folder on this machine, or a pushed one in the registry.

BuildKit writes a built one as an OCI image layout, with the manifest that a push makes:
https://github.com/opencontainers/image-spec/blob/main/image-layout.md.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.aws import ecr
from delivery.aws.distribution import Login, Repository
from delivery.aws.session import Aws
from delivery.errors import BuildError
from delivery.image import layouts
from delivery.reference import PushedImage

_PIECE = 1 << 20  # bytes read at a time
_GZIP = 16 + zlib.MAX_WBITS  # zlib.decompressobj: "must include a gzip header and trailer"
_LENGTHS: dict[str, int] = {}
"""Digest to the uncompressed bytes of a layer, for the layers that this run, or an earlier one, has counted."""


@dataclass(frozen=True)
class InspectedImage:
    """An image with the bytes of its manifest and its configuration. `name`: its name in messages.

    `uncompressed`: bytes of all layers; 0 for an image in a registry, which knows only the compressed sizes.
    """

    name: str
    manifest: bytes
    config: Mapping[str, Any]
    uncompressed: int

    @property
    def document(self) -> dict[str, Any]:
        """The manifest as a JSON object."""
        document: dict[str, Any] = json.loads(self.manifest)
        return document

    @property
    def size(self) -> str:
        """The compressed size and the number of layers, for people."""
        layers = self.document["layers"]
        return f"{sum(layer['size'] for layer in layers) / 1e6:.1f} MB compressed, {len(layers)} layers"


def pushed(aws: Aws, image: PushedImage, access: Login) -> InspectedImage:
    """Read a pushed image from the registry. Raises BuildError when the registry has no such digest, or CloudError."""
    content = ecr.manifest(aws, image)
    document = json.loads(content)
    config: dict[str, Any] = {}
    if "config" in document:
        config = Repository(access, image.repository_name).json(document["config"]["digest"])
        aws.configs[image.uri] = config
    return InspectedImage(image.uri, content, config, uncompressed=0)


def layout(name: str, folder: Path, digest: str) -> InspectedImage:
    """The image with this digest in a folder that bake wrote, and nothing else is left there; see layouts.py.

    Raises BuildError when the folder does not hold it.
    """
    if not (folder / layouts.INDEX).exists():
        hint = f'`output = output("{folder.name}")` in its target in docker-bake.hcl'
        raise BuildError(f"The build wrote no image of {folder.name}.", "Its target has another output.", hint)
    manifest = _blob(folder, digest).read_bytes()
    if f"sha256:{hashlib.sha256(manifest).hexdigest()}" != digest:
        raise BuildError(f"{folder.name} holds other bytes than {digest} names.", "", "build again")
    document: dict[str, Any] = json.loads(manifest)
    if "config" not in document:  # an index, which the check refuses
        return InspectedImage(name, manifest, {}, 0)
    config = json.loads(_blob(folder, document["config"]["digest"]).read_bytes())
    _LENGTHS.update(layouts.lengths(folder))
    uncompressed = sum(_uncompressed(folder, layer) for layer in document["layers"])
    layouts.complete(folder, digest, document, _LENGTHS)
    return InspectedImage(name, manifest, config, uncompressed)


def _blob(folder: Path, digest: str) -> Path:
    blob = folder / "blobs" / digest.replace(":", "/")
    if not blob.is_file():
        raise BuildError(f"The build did not write {digest}.", "", "update buildx")
    return blob


def _uncompressed(folder: Path, layer: dict[str, Any]) -> int:
    if not str(layer.get("mediaType", "")).endswith("gzip"):
        return int(layer["size"])
    digest = layer["digest"]
    if digest not in _LENGTHS:  # images that share a base share its layers
        _LENGTHS[digest] = _length(_blob(folder, digest))
    return _LENGTHS[digest]


def _length(blob: Path) -> int:
    """Count the uncompressed bytes of a layer: the trailer of gzip has the length modulo 4 GiB only (RFC 1952)."""
    total, unpack = 0, zlib.decompressobj(_GZIP)
    with blob.open("rb") as packed:
        while piece := packed.read(_PIECE):
            count = 0
            while piece or count == _PIECE:  # zeros shrink to a thousandth, so the output is bounded too
                count = len(unpack.decompress(piece, _PIECE))
                total += count
                piece = unpack.unconsumed_tail
                if unpack.eof and unpack.unused_data:  # RFC 1952: a file is one or more members
                    piece, unpack = unpack.unused_data, zlib.decompressobj(_GZIP)
    return total
