"""Copies an image from one repository to another, byte for byte.

Blobs first, the manifest that names them last: a copy that was cut off leaves blobs that the next one finds.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from delivery.aws.distribution import Manifest, PassingError, Repository
from delivery.errors import RefusedError

_TRIES = 3  # times one blob is sent, each from its beginning


@dataclass(frozen=True)
class Copied:
    """What a copy did, in bytes: sent over the network, mounted by the registry, there already."""

    sent: int = 0
    mounted: int = 0
    kept: int = 0

    def words(self) -> str:
        """One line for people, in MB."""
        more = {"mounted": self.mounted, "there already": self.kept}
        parts = [f"{size / 1e6:.1f} MB {how}" for how, size in {"copied": self.sent, **more}.items() if size]
        return ", ".join(parts) or "nothing to copy"


@dataclass(frozen=True)
class _Blob:
    digest: str
    size: int


def copy(source: Repository, target: Repository, manifest: Manifest, update: Callable[[str], None]) -> Copied:
    """Copy what the manifest names, then the manifest. Idempotent: what is there already is not sent again.

    Raises RefusedError when a byte differs, CloudError when a registry refuses or cannot be reached.
    """
    blobs = _blobs(json.loads(manifest.content))
    whole = sum(blob.size for blob in blobs)
    done = Copied()
    for blob in blobs:
        before = done.sent + done.mounted + done.kept

        def tell(sent: int, before: int = before) -> None:
            update(f"{(before + sent) / 1e6:.1f} of {whole / 1e6:.1f} MB")

        how = _copy_blob(source, target, blob, tell)
        done = replace(done, **{how: getattr(done, how) + blob.size})
    target.put(manifest)
    stored = target.manifest(manifest.digest, (manifest.media_type,))
    if stored != manifest:
        raise RefusedError(
            f"{target.name} does not hold the same manifest as {source.name}.",
            f"{manifest.digest} was sent, and something else came back.",
            "ask who else writes to that repository; nothing was tagged",
        )
    return done


def _blobs(document: dict[str, Any]) -> tuple[_Blob, ...]:
    """The configuration and the layers, each once: OCI image spec, "Image Manifest"."""
    found = [_Blob(part["digest"], part["size"]) for part in (*document["layers"], document["config"])]
    return tuple(dict.fromkeys(found))


def _copy_blob(source: Repository, target: Repository, blob: _Blob, tell: Callable[[int], None]) -> str:
    if target.has(blob.digest):
        return "kept"
    for _ in range(_TRIES - 1):
        with contextlib.suppress(PassingError):
            return _send(source, target, blob, tell)
    return _send(source, target, blob, tell)


def _send(source: Repository, target: Repository, blob: _Blob, tell: Callable[[int], None]) -> str:
    # A registry that cannot mount takes the request for an ordinary upload: "Mounting a blob from another repository".
    same = source.access.endpoint == target.access.endpoint
    where = target.begin({"mount": blob.digest, "from": source.name} if same else {})
    if not where:
        return "mounted"
    with source.blob(blob.digest) as pieces:
        target.finish(where, blob.digest, blob.size, _checked(pieces, blob, tell))
    return "sent"


def _checked(pieces: Iterator[bytes], blob: _Blob, tell: Callable[[int], None]) -> Iterator[bytes]:
    """The same bytes, told as they go; the last is held back until the whole is known to be what was asked for."""
    digest, sent = hashlib.sha256(), 0
    held = b""
    for piece in pieces:
        digest.update(piece)
        if held:
            yield held
        sent += len(held)
        tell(sent)
        held = piece
    if f"sha256:{digest.hexdigest()}" != blob.digest:
        raise RefusedError(
            f"The registry gave other bytes than {blob.digest} names.", "", "nothing was tagged; ask why"
        )
    yield held
    tell(sent + len(held))
