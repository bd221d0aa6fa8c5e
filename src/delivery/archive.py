"""A built image as a file on this machine, before any registry has seen it.

BuildKit's docker exporter writes the manifest.json that every engine can load, beside an OCI image layout
(https://github.com/opencontainers/image-spec/blob/main/image-layout.md) with the manifest that a push would make.
"""

import hashlib
import json
import tarfile
import zlib
from pathlib import Path
from typing import IO, Any

from delivery.errors import BuildError
from delivery.gate import Candidate

_PIECE = 1 << 20  # bytes read at a time
_GZIP = 16 + zlib.MAX_WBITS  # zlib.decompressobj: "must include a gzip header and trailer"


def read(name: str, file: Path, digest: str) -> Candidate:
    """The image of `digest` in the file, as people shall call it. Raises BuildError when it is not in there."""
    if not file.exists():
        hint = f'`output = output("{file.stem}")` in its target in docker-bake.hcl'
        raise BuildError(f"The build left no archive of {file.stem}.", "Its target says otherwise.", hint)
    with tarfile.open(file) as tar:
        manifest = _blob(tar, digest).read()
        if f"sha256:{hashlib.sha256(manifest).hexdigest()}" != digest:
            raise BuildError(f"{file.name} holds other bytes than {digest} names.", "", "build again")
        document: dict[str, Any] = json.loads(manifest)
        if "config" not in document:  # an index: refused for that, and nothing else is known of it
            return Candidate(name, manifest, {}, 0)
        config = json.loads(_blob(tar, document["config"]["digest"]).read())
        uncompressed = sum(_length(tar, layer) for layer in document["layers"])
    return Candidate(name, manifest, config, uncompressed)


def _blob(tar: tarfile.TarFile, digest: str) -> IO[bytes]:
    try:
        found = tar.extractfile(f"blobs/{digest.replace(':', '/')}")
    except KeyError:
        found = None
    if found is None:
        raise BuildError(f"The build left no {digest} in its archive.", "", "update buildx")
    return found


def _length(tar: tarfile.TarFile, layer: dict[str, Any]) -> int:
    """Bytes of a layer, uncompressed. Counted: gzip's own trailer knows the length modulo 4 GiB only (RFC 1952)."""
    if not str(layer.get("mediaType", "")).endswith("gzip"):
        return int(layer["size"])
    blob, total, unpack = _blob(tar, layer["digest"]), 0, zlib.decompressobj(_GZIP)
    while piece := blob.read(_PIECE):
        total += len(unpack.decompress(piece))
        while unpack.eof and unpack.unused_data:  # RFC 1952: a file is one or more members
            piece, unpack = unpack.unused_data, zlib.decompressobj(_GZIP)
            total += len(unpack.decompress(piece))
    return total
