"""An image of one layer; the same files always give the same bytes.

Sources: OCI image specification 1.1 (image-layout.md, manifest.md, config.md), and for engines without the
containerd store the `docker save` format (Docker image specification 1.2, manifest.json).
"""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EPOCH = 1_735_689_600
"""2025-01-01, the time of every file in a layer; not 0, because a zip archive has no year before 1980."""

_CREATED = "2025-01-01T00:00:00Z"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Layer:
    """A gzipped tar: `digest` is that of its bytes, `diff_id` that of the uncompressed bytes; `size` in bytes."""

    file: Path
    digest: str
    diff_id: str
    size: int


@dataclass(frozen=True)
class Configuration:
    """The environment and the command of a container of the image; `architecture` as in GOARCH."""

    architecture: str
    environment: Mapping[str, str]
    command: tuple[str, ...]
    comment: str


def write_layer(root: Path, target: Path) -> Layer:
    """Pack the files below `root` into `target`: sorted, all with the same time, owners as numbers."""
    plain = hashlib.sha256()
    with target.open("wb") as output:
        packed = gzip.GzipFile(filename="", mode="wb", fileobj=output, mtime=0, compresslevel=6)
        with (
            packed,
            tarfile.open(fileobj=_Hashing(packed, plain), mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            for path in sorted(root.rglob("*")):
                _add(tar, path, str(path.relative_to(root)))
    digest = hashlib.sha256()
    with target.open("rb") as written:
        while chunk := written.read(_CHUNK):
            digest.update(chunk)
    return Layer(target, _sha256(digest), _sha256(plain), target.stat().st_size)


def write_archive(layer: Layer, configuration: Configuration, reference: str, target: Path) -> str:
    """Write an archive that `docker load` loads as `reference`; returns the manifest's digest."""
    config = _json(_config(layer, configuration))
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": [
                {
                    "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                    "digest": layer.digest,
                    "size": layer.size,
                }
            ],
        }
    )
    entry = _descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
    # containerd takes an imported image's name from this annotation, which must be the full name.
    annotated = {**entry, "annotations": {"io.containerd.image.name": full_name(reference)}}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [annotated]}
    saved = [{"Config": _blob(config), "RepoTags": [reference], "Layers": [_blob_path(layer.digest)]}]
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in (
            ("oci-layout", _json({"imageLayoutVersion": "1.0.0"})),
            ("index.json", _json(index)),
            ("manifest.json", _json(saved)),
            (_blob(config), config),
            (_blob(manifest), manifest),
        ):
            tar.addfile(_member(name, len(content)), io.BytesIO(content))
        with layer.file.open("rb") as packed:
            tar.addfile(_member(_blob_path(layer.digest), layer.size), packed)
    return str(entry["digest"])


def full_name(reference: str) -> str:
    """The reference with the default registry and namespace (distribution/reference, normalize.go)."""
    first, slash, _ = reference.partition("/")
    if slash and (first == "localhost" or "." in first or ":" in first):
        return reference
    return f"docker.io/{reference}" if slash else f"docker.io/library/{reference}"


def _config(layer: Layer, configuration: Configuration) -> dict[str, Any]:
    return {
        "architecture": configuration.architecture,
        "os": "linux",
        "created": _CREATED,
        "config": {
            "Env": [f"{name}={value}" for name, value in configuration.environment.items()],
            "Cmd": list(configuration.command),
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
        "history": [{"created": _CREATED, "created_by": configuration.comment}],
    }


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    info = tar.gettarinfo(path, name)
    info.mtime, info.uname, info.gname = EPOCH, "", ""
    if info.isreg():
        with path.open("rb") as content:
            tar.addfile(info, content)
    else:
        tar.addfile(info)


def _member(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mtime = size, EPOCH
    return info


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _sha256(hashlib.sha256(content)), "size": len(content)}


def _blob(content: bytes) -> str:
    return _blob_path(_sha256(hashlib.sha256(content)))


def _blob_path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _sha256(hashed: "hashlib._Hash") -> str:
    return f"sha256:{hashed.hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class _Hashing(io.RawIOBase):
    """Passes bytes on to `target` and hashes them."""

    def __init__(self, target: gzip.GzipFile, hashed: "hashlib._Hash") -> None:
        self._target, self._hashed = target, hashed

    def write(self, data: Any) -> int:
        self._hashed.update(data)
        return self._target.write(data)
