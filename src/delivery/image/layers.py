"""The files of an image, read from its layers as a container has them: later layers replace and remove files.

https://github.com/opencontainers/image-spec/blob/main/layer.md, "Applying Changesets" and "Whiteouts". Nothing is
unpacked: each layer is one pass over its tar file, in little memory.
"""

import contextlib
import functools
import hashlib
import io
import itertools
import posixpath
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from delivery.errors import BuildError

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_PIECE = 1 << 18  # bytes read at a time
_GZIP = 16 + zlib.MAX_WBITS  # zlib.decompressobj: "must include a gzip header and trailer"


@dataclass(frozen=True)
class File:
    """A file that a reader chose. `text`: its content, None if it was not read. `gap`: what its presence hides."""

    text: str | None = None
    gap: str = ""


Reader = Callable[[str, tarfile.TarInfo, Callable[[], IO[bytes]]], File | None]
"""Takes a path without leading slash, the tar's member, and a function that opens it; None if the file says nothing."""


@dataclass(frozen=True)
class Changes:
    """What one layer does: the chosen files that it adds, and the paths that it takes from the layers below.

    `opaque`: folders whose content below is hidden. `folders`: its own folders, each in the place of a file below.
    """

    added: Mapping[str, File]
    replaced: frozenset[str]
    opaque: frozenset[str]
    folders: frozenset[str]

    def removes(self, path: str) -> bool:
        """Whether a file of a layer below is gone."""
        above = {path[:index] for index, letter in enumerate(path) if letter == "/"}
        if path in self.replaced or path in self.folders:
            return True
        return not (self.replaced.isdisjoint(above) and self.opaque.isdisjoint({"", *above}))


@dataclass(frozen=True)
class Blobs:
    """Where layers are. `opened`: opens a blob by its digest: its bytes, piece by piece.

    `known`: by digest, the layers that were read already; images that share a base may share this, too.
    """

    opened: Callable[[str], AbstractContextManager[Iterator[bytes]]]
    known: dict[str, Changes] = field(default_factory=dict)


def in_layout(folder: Path) -> Blobs:
    """The blobs of an OCI image layout."""

    @contextlib.contextmanager
    def opened(digest: str) -> Iterator[Iterator[bytes]]:
        with (folder / "blobs" / digest.replace(":", "/")).open("rb") as blob:
            yield iter(functools.partial(blob.read, _PIECE), b"")

    return Blobs(opened)


def in_either(first: Path, second: Blobs) -> Blobs:
    """The blobs of an OCI image layout, which need not exist, and of another place what the layout does not have."""

    def opened(digest: str) -> AbstractContextManager[Iterator[bytes]]:
        here = (first / "blobs" / digest.replace(":", "/")).is_file()
        return (in_layout(first) if here else second).opened(digest)

    return Blobs(opened, second.known)


def read(layers: Iterable[Mapping[str, Any]], blobs: Blobs, reader: Reader) -> dict[str, File]:
    """The files that `reader` chooses, as the last layer leaves them, by path. `layers`: of the manifest, lowest first.

    Raises BuildError for a layer that cannot be read or has other bytes than its digest names, or CloudError.
    """
    files: dict[str, File] = {}
    for layer in layers:
        digest = layer["digest"]
        if digest not in blobs.known:
            try:
                with blobs.opened(digest) as pieces:
                    blobs.known[digest] = _changes(unpacked(_hashed(pieces, digest)), reader)
            except (tarfile.TarError, zlib.error, OSError, EOFError) as error:
                raise BuildError(f"The layer {digest} cannot be read.", str(error), "build the image again") from error
        changes = blobs.known[digest]
        files = {path: file for path, file in files.items() if not changes.removes(path)} | dict(changes.added)
    return files


def _changes(pieces: Iterator[bytes], reader: Reader) -> Changes:
    added: dict[str, File] = {}
    replaced, opaque, folders = set[str](), set[str](), set[str]()
    with tarfile.open(fileobj=_Pieces(pieces), mode="r|", bufsize=_PIECE) as tar:
        for member in tar:
            path = posixpath.normpath(f"/{member.name}").lstrip("/")
            folder, _, name = path.rpartition("/")
            if name == _OPAQUE:
                opaque.add(folder)
            elif name.startswith(_WHITEOUT):
                replaced.add(posixpath.join(folder, name.removeprefix(_WHITEOUT)))
            elif member.isdir():
                folders.add(path)  # takes the place of a file, but not of a folder
            else:
                replaced.add(path)
                added.pop(path, None)  # of two members with one name, tar unpacks the last one
                if file := _chosen(path, member, tar, added, reader):
                    added[path] = file
    for _ in pieces:  # the digest is that of all bytes, also of those behind the end of the tar
        pass

    return Changes(added, frozenset(replaced), frozenset(opaque), frozenset(folders))


def _chosen(
    path: str, member: tarfile.TarInfo, tar: tarfile.TarFile, added: Mapping[str, File], reader: Reader
) -> File | None:
    def opened() -> IO[bytes]:
        content = tar.extractfile(member) if member.isreg() else None
        return content or io.BytesIO()

    if member.islnk():  # its content is that of an earlier member of the same layer
        target = added.get(posixpath.normpath(f"/{member.linkname}").lstrip("/"))
        return target or reader(path, member, opened)
    return reader(path, member, opened)


def unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The tar file in a layer, whichever of the two media types, without or with gzip, it has."""
    first = next(pieces, b"")
    pieces = itertools.chain((first,), pieces)
    return _decompressed(pieces) if first.startswith(b"\x1f\x8b") else pieces


def _decompressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The content of a gzip file, of one or more members: RFC 1952. Raises zlib.error or EOFError."""
    unpack = zlib.decompressobj(_GZIP)
    for piece in pieces:
        part = b""
        while piece or len(part) == _PIECE:  # zeros shrink to a thousandth, so the output is bounded too
            part = unpack.decompress(piece, _PIECE)
            yield part
            piece = unpack.unconsumed_tail
            if unpack.eof and unpack.unused_data:
                piece, unpack = unpack.unused_data, zlib.decompressobj(_GZIP)
    if not unpack.eof:
        raise EOFError("The gzip file ends early.")


def _hashed(pieces: Iterable[bytes], digest: str) -> Iterator[bytes]:
    """The pieces; raises BuildError after the last one if they are other bytes than the digest names."""
    hashed = hashlib.sha256()
    for piece in pieces:
        hashed.update(piece)
        yield piece
    if f"sha256:{hashed.hexdigest()}" != digest:
        raise BuildError(f"The layer {digest} has other bytes than its digest names.", "", "build the image again")


class _Pieces(io.RawIOBase):
    """The pieces as a file that tarfile can read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; none at the end."""
        while not self._rest and (piece := next(self._pieces, None)) is not None:
            self._rest = memoryview(piece)
        part, self._rest = self._rest[:size], self._rest[size:]
        return bytes(part)
