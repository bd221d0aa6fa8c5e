"""The OCI image layouts that a run leaves for the next one.

BuildKit copies no blob that a layout has already, and a layer whose length was counted is not counted again. So after a
change of code, the layers of the base, nearly the whole image, are neither copied nor read.
"""

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_LENGTHS = "lengths.json"
INDEX = "index.json"  # of a layout; BuildKit writes it last


def take(kept: Path, folder: Path, names: Iterable[str]) -> bool:
    """Move the layouts of images from the folder `kept` to `folder`: no two runs have them. Whether all were there."""
    folder.mkdir(exist_ok=True)
    moved = [_moved(kept / name, folder / name) for name in names]
    return all(moved)


def _moved(kept: Path, layout: Path) -> bool:
    try:
        kept.rename(layout)
        (layout / INDEX).unlink()
    except OSError:
        return False
    return True


def lengths(layout: Path) -> dict[str, int]:
    """The lengths of the layers that were counted, by digest: bytes, uncompressed."""
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        return {str(digest): int(length) for digest, length in json.loads((layout / _LENGTHS).read_text()).items()}
    return {}


def complete(layout: Path, manifest: str, document: dict[str, Any], counted: dict[str, int]) -> None:
    """Write the lengths of the layers, and remove the blobs of earlier images. `manifest`: its digest."""
    layers = [layer["digest"] for layer in document["layers"]]
    needed = {manifest, document["config"]["digest"], *layers}
    for blob in (layout / "blobs").glob("*/*"):
        if f"{blob.parent.name}:{blob.name}" not in needed:
            blob.unlink()
    (layout / _LENGTHS).write_text(json.dumps({digest: counted[digest] for digest in layers if digest in counted}))
