"""An image whose layers are real tar files, in an OCI image layout."""

import hashlib
import io
import json
import struct
import tarfile
import zlib

from delivery.reference import PushedImage
from support.build import blob, config, manifest

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
STATUS = "var/lib/dpkg/status"
RELEASE = 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian"\n'


def layer(*members, compress=True):
    """The bytes of a layer. A member is a path and its text or bytes, or a TarInfo; a path that ends in / a folder."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            path, content = member
            content = content if isinstance(content, bytes) else content.encode()
            tar.addfile(info(path, len(content)), io.BytesIO(content))
    return packed(output.getvalue()) if compress else output.getvalue()


def packed(content):
    """A gzip file of stored blocks (RFC 1951, 1952): the same bytes with every Python and every zlib."""
    blocks = [content[start : start + 65_535] for start in range(0, len(content), 65_535)]
    stored = b"".join(
        struct.pack("<BHH", number == len(blocks), len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks, start=1)
    )
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + stored + struct.pack("<II", zlib.crc32(content), len(content))


def info(path, size=0, kind=tarfile.REGTYPE, target="", mode=0o644):
    """A member of a layer without content."""
    made = tarfile.TarInfo(path)
    made.size, made.type, made.linkname, made.mode = size, kind, target, mode
    return made


def store(folder, content):
    """Put a blob into a layout; returns its descriptor."""
    described = _descriptor(content)
    blob(folder, described["digest"]).write_bytes(content)
    return described


def image(folder, *layers, **settings):
    """Write an image with these layers; returns its digest. `settings`: of its configuration."""
    stored = [store(folder, each) for each in layers]
    own = store(folder, json.dumps(config(**settings)).encode())
    return store(folder, manifest(layers=stored, config=own).encode())["digest"]


def paragraph(name="openssl", version="3.5.1-1", **fields):
    """A paragraph of dpkg's status file."""
    given = {"Package": name, "Status": "install ok installed", "Architecture": "amd64", "Version": version}
    return "".join(f"{field}: {value}\n" for field, value in {**given, **fields}.items()) + "\n"


def metadata(name, version):
    """The METADATA of a Python package."""
    return f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n\nName: of the description\n"


def pushed(made, registry, *layers, name="sse-streaming", **settings):
    """Put an image with these layers into the fake registry of a world; returns it."""
    repository = f"sandbox-{name}-lambda"
    blobs = registry.blobs.setdefault(repository, {})
    own = json.dumps(config(**settings)).encode()
    described = [_descriptor(each) for each in (*layers, own)]
    blobs |= {each["digest"]: content for each, content in zip(described, (*layers, own), strict=True)}
    text = manifest(layers=described[:-1], config=described[-1])
    digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    made.aws.ecr.repositories.setdefault(repository, {})[digest] = text
    return PushedImage(name, f"{made.run.settings.environment.registry}/{repository}", digest)


def _descriptor(content):
    return {"mediaType": GZIP, "digest": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": len(content)}
