"""Copies an image from one repository to another, byte for byte.

Blobs first, then the manifest that names them: the next copy uses the blobs of an interrupted one.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from delivery.aws.distribution import Manifest, Repository, TemporaryError
from delivery.errors import RefusedError

_TRIES = 3  # for each blob, each time from its beginning


@dataclass(frozen=True)
class Copied:
    """The result of a copy, in bytes: sent over the network, mounted by the registry, present before the copy."""

    sent: int = 0
    mounted: int = 0
    present: int = 0

    def __str__(self) -> str:
        sizes = {"copied": self.sent, "mounted": self.mounted, "present before": self.present}
        return ", ".join(f"{size / 1e6:.1f} MB {how}" for how, size in sizes.items() if size) or "nothing to copy"


@dataclass(frozen=True)
class _Blob:
    digest: str
    size: int


def copy(
    source: Repository, destination: Repository, manifest: Manifest, update: Callable[[str], None], tag: str = ""
) -> Copied:
    """Copy the blobs that the manifest names, then the manifest. A blob that is present is not sent again.

    `tag`: that the copy of the manifest gets; empty for none.

    Raises RefusedError when a byte differs, CloudError when a registry refuses or cannot be reached.
    """
    blobs = _blobs(json.loads(manifest.content))
    total = sum(blob.size for blob in blobs)
    done = Copied()
    for blob in blobs:
        before = done.sent + done.mounted + done.present

        def progress(sent: int, before: int = before) -> None:
            update(f"{(before + sent) / 1e6:.1f} of {total / 1e6:.1f} MB")

        how = _copy_blob(source, destination, blob, progress)
        done = replace(done, **{how: getattr(done, how) + blob.size})
    destination.put(manifest, tag)
    stored = destination.manifest(manifest.digest, (manifest.media_type,))
    if stored != manifest:
        raise RefusedError(
            f"{destination.name} does not hold the same manifest as {source.name}.",
            f"{manifest.digest} was sent, and the repository returned something else.",
            "find out who else writes to that repository; nothing was tagged",
        )
    return done


def _blobs(document: dict[str, Any]) -> tuple[_Blob, ...]:
    """The configuration and the layers, each once: OCI image spec, "Image Manifest"."""
    parts = (*document["layers"], document["config"])
    return tuple(dict.fromkeys(_Blob(part["digest"], part["size"]) for part in parts))


def _copy_blob(source: Repository, destination: Repository, blob: _Blob, progress: Callable[[int], None]) -> str:
    if destination.has(blob.digest):
        return "present"
    for _ in range(_TRIES - 1):
        with contextlib.suppress(TemporaryError):
            return _send(source, destination, blob, progress)
    return _send(source, destination, blob, progress)


def _send(source: Repository, destination: Repository, blob: _Blob, progress: Callable[[int], None]) -> str:
    # A registry that cannot mount begins an ordinary upload instead: "Mounting a blob from another repository".
    same = source.access.endpoint == destination.access.endpoint
    url = destination.begin({"mount": blob.digest, "from": source.name} if same else {})
    if not url:
        return "mounted"
    with source.blob(blob.digest) as pieces:
        destination.finish(url, blob.digest, blob.size, _checked(pieces, blob, progress))
    return "sent"


def _checked(pieces: Iterator[bytes], blob: _Blob, progress: Callable[[int], None]) -> Iterator[bytes]:
    """Hash the pieces while they are sent; give the last piece only if the digest of all pieces is right."""
    digest, sent = hashlib.sha256(), 0
    last = b""
    for piece in pieces:
        digest.update(piece)
        if last:
            yield last
        sent += len(last)
        progress(sent)
        last = piece
    if f"sha256:{digest.hexdigest()}" != blob.digest:
        what = f"The registry sent other bytes than {blob.digest} names."
        raise RefusedError(what, "", "find out why; nothing was tagged")
    yield last
    progress(sent + len(last))
