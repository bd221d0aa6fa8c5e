"""What a build leaves: buildx's record, and the archive of an image whose manifest has a true digest."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

from support.transcripts import BUILT

CONFIG_DIGEST = "sha256:" + "c" * 64
CONFIG = {"os": "linux", "architecture": "amd64", "config": {"User": "65532:65532", "Cmd": ["python"]}}


def manifest(**changes):
    """The text of an image manifest that Lambda takes."""
    kind = "application/vnd.oci.image.layer.v1.tar"
    document = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"digest": CONFIG_DIGEST, "size": 7},
        "layers": [
            {"mediaType": kind, "digest": "sha256:" + "1" * 64, "size": 25_000_000},
            {"mediaType": kind, "digest": "sha256:" + "2" * 64, "size": 1_500_000},
        ],
    }
    return json.dumps({**document, **changes})


def digest_of(text):
    """The digest of a manifest's text."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


DIGEST = digest_of(manifest())
BAKED = json.dumps({"sse-streaming": {"containerimage.digest": DIGEST}})


def archive(file, config=CONFIG, **changes):
    """Write the archive of an image; returns its digest. `changes`: of the manifest."""
    text = manifest(**changes)
    blobs = {digest_of(text): text.encode(), CONFIG_DIGEST: json.dumps(config).encode()}
    with tarfile.open(file, "w") as tar:
        for digest, content in blobs.items():
            entry = tarfile.TarInfo(f"blobs/{digest.replace(':', '/')}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return digest_of(text)


def bake(command):
    """`docker buildx bake`: writes its record where it is told to, and the archives that are asked for."""
    Path(command.argv[command.argv.index("--metadata-file") + 1]).write_text(BAKED)
    if command.variables["OUTPUT"] == "archive":
        architecture = command.variables.get("PLATFORM", "linux/amd64").partition("/")[2]
        archive(Path(command.variables["ARCHIVES"]) / "sse-streaming.tar", {**CONFIG, "architecture": architecture})
    return BUILT
