"""What a build leaves: the record of buildx, an archive whose manifest has a true digest, and BuildKit's output."""

import hashlib
import json
from pathlib import Path

from delivery import health

_OPENING = """\
#0 building with "default" instance using docker driver

#1 [internal] load local bake definitions
#1 reading docker-bake.hcl 2.51kB / 2.51kB done
#1 DONE 0.0s

#2 [internal] load build definition from Dockerfile
#2 transferring dockerfile: 1.83kB done
#2 DONE 0.0s
"""

# The first deploy of a machine: the cache's ref does not exist yet, which is no failure.
BUILT = f"""\
{_OPENING}
#4 importing cache manifest from registry.test:5000/sandbox-sse-streaming-lambda:buildcache
#4 ERROR: registry.test:5000/sandbox-sse-streaming-lambda:buildcache: not found

#5 [internal] load metadata for docker.io/library/python:3.13-slim
#5 DONE 0.1s

#6 [stdlib 1/2] FROM docker.io/library/python:3.13-slim
#6 DONE 0.0s

#7 [stdlib 2/2] RUN python -m compileall -q /usr/local/lib/python3.13
#7 CACHED

#8 [dependencies 1/3] COPY requirements.txt /tmp/
#8 CACHED

#9 [dependencies 2/3] RUN pip install --require-hashes -r /tmp/requirements.txt
#9 1.204 Collecting starlette
#9 2.871 Successfully installed starlette
#9 DONE 3.1s

#10 exporting to image
#10 exporting manifest sha256:f552f291cf0b0a39135680b89f5c80d431d25b0e53a479d550d0d3d029e95a25 done
#10 DONE 0.4s
"""

_PIP = "\n".join(f"#9 1.{number:03} pip says {number}" for number in range(1, 31))
_PIP_AGAIN = "\n".join(f"1.{number:03} pip says {number}" for number in range(21, 31))
RUN_FAILED = f"""\
{_OPENING}
#8 [dependencies 1/3] COPY requirements.txt /tmp/
#8 CACHED

#9 [dependencies 2/3] RUN pip install --require-hashes -r /tmp/requirements.txt
{_PIP}
#9 ERROR: process "/bin/sh -c pip install" did not complete successfully: exit code: 1
------
 > [dependencies 2/3] RUN pip install --require-hashes -r /tmp/requirements.txt:
{_PIP_AGAIN}
------
Dockerfile:12
--------------------
  11 |     COPY requirements.txt /tmp/
  12 | >>> RUN pip install --require-hashes -r /tmp/requirements.txt
--------------------
ERROR: failed to solve: process "/bin/sh -c pip install" did not complete successfully: exit code: 1
"""

_NO_BASE = (
    'failed to do request: Head "https://mirror.invalid/v2/python/manifests/3.13-slim": '
    "dial tcp: lookup mirror.invalid: no such host"
)


def base_failed(image, why):
    """The base image could not be read."""
    return f"""\
{_OPENING}
#3 [internal] load metadata for {image}
#3 ERROR: {why}
------
 > [internal] load metadata for {image}:
------
Dockerfile:1
--------------------
   1 | >>> FROM {image}
--------------------
ERROR: failed to solve: {image}: failed to resolve source metadata for {image}: {why}
"""


BASE_MISSING = base_failed("mirror.invalid/python:3.13-slim", _NO_BASE)

SYNTAX = f"""\
{_OPENING}Dockerfile:2
--------------------
   1 |     FROM python:3.13-slim
   2 | >>> COPI app.py /
--------------------
ERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: COPI (did you mean COPY?)
"""


def push_failed(why):
    """The registry did not take the image."""
    return f"""\
{_OPENING}
#6 [1/1] COPY app.py /
#6 CACHED

#7 exporting to image
#7 exporting layers done
#7 pushing layers 0.0s done
#7 ERROR: failed to push registry.test:5000/sandbox-sse-streaming-lambda:latest: {why}
------
 > exporting to image:
------
ERROR: failed to solve: failed to push registry.test:5000/sandbox-sse-streaming-lambda:latest: {why}
"""


CONFIG_DIGEST = "sha256:" + "c" * 64
CONTRACT = {"stream": "/api/v2/stream", "first": "hello", "events": 3, "query": {"events": "3", "interval": "0.1"}}


def labels(contract=None):
    """The labels of an image with this health contract; without one, that of the function of this project."""
    return {health.LABEL: json.dumps(CONTRACT if contract is None else contract)}


def printed(*names, **targets):
    """What `docker buildx bake --print` says of targets with a health contract, and of others as they are given."""
    named = {name: {"labels": labels()} for name in names}
    return json.dumps({"group": {}, "target": {**named, **targets}})


def config(contract=None, **changes):
    """The configuration of an image that Lambda takes."""
    own = {"User": "65532:65532", "Cmd": ["python"], "Labels": labels(contract), **changes}
    return {"os": "linux", "architecture": "amd64", "config": own}


CONFIG = config()


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


def layout(folder, config=CONFIG, **changes):
    """Write an image as an OCI image layout; returns its digest. `changes`: of the manifest."""
    text = manifest(**changes)
    for digest, content in {digest_of(text): text.encode(), CONFIG_DIGEST: json.dumps(config).encode()}.items():
        blob(folder, digest).write_bytes(content)
    return digest_of(text)


def blob(folder, digest):
    """The file of a blob in an OCI image layout, in a folder that exists."""
    file = folder / "blobs" / digest.replace(":", "/")
    file.parent.mkdir(parents=True, exist_ok=True)
    for name in ("index.json", "oci-layout"):
        (folder / name).touch()
    return file


def bake(command):
    """`docker buildx bake`: writes the metadata file and the images that the command names."""
    Path(command.argv[command.argv.index("--metadata-file") + 1]).write_text(BAKED)
    if command.variables["OUTPUT"] == "layout":
        architecture = command.variables.get("PLATFORM", "linux/amd64").partition("/")[2]
        layout(Path(command.variables["OUTPUTS"]) / "sse-streaming", {**CONFIG, "architecture": architecture})
    return BUILT
