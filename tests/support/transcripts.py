"""What the tools really print: buildx 0.13 with BuildKit 0.13 (`--progress plain`), Terraform 1.11 (`-json`)."""

import json

from delivery.process.shell import Result

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
BASE_MISSING = f"""\
{_OPENING}
#3 [internal] load metadata for mirror.invalid/python:3.13-slim
#3 ERROR: {_NO_BASE}
------
 > [internal] load metadata for mirror.invalid/python:3.13-slim:
------
Dockerfile:1
--------------------
   1 | >>> FROM mirror.invalid/python:3.13-slim
--------------------
ERROR: failed to solve: mirror.invalid/python:3.13-slim: failed to resolve source metadata for \
mirror.invalid/python:3.13-slim: {_NO_BASE}
"""

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


def diagnostic(summary, detail="", severity="error", **more):
    """A line of Terraform's machine-readable UI that tells of a failure."""
    body = {"severity": severity, "summary": summary, "detail": detail, **more}
    return json.dumps({"@level": severity, "@message": f"Error: {summary}", "type": "diagnostic", "diagnostic": body})


def progress(text, kind="apply_start"):
    """A line that tells what is happening."""
    return json.dumps({"@level": "info", "@message": text, "@module": "terraform.ui", "type": kind})


LOCKED = diagnostic(
    "Error acquiring the state lock",
    "Error message: operation error S3: PutObject, https response error StatusCode: 412, RequestID: 8e217aa4, api "
    "error PreconditionFailed: At least one of the pre-conditions you specified did not hold\nLock Info:\n"
    "  ID:        a3f0c1de-5f7c-4a5d-9a37-0a8b8c1d2e3f\n  Path:      state/service.tfstate\n"
    "  Operation: OperationTypeApply\n  Who:       ada@laptop\n  Version:   1.11.4\n"
    "  Created:   2026-01-02 03:04:05.678 +0000 UTC\n  Info:      \n\n\n"
    "Terraform acquires a state lock to protect the state from being written\nby multiple users at the same time.",
)
NO_BUCKET = diagnostic(
    'Failed to get existing workspaces: S3 bucket "state" does not exist.\n\nThe referenced S3 bucket must have been '
    "previously created.\n\nError: operation error S3: ListObjectsV2, https response error StatusCode: 404, "
    "NoSuchBucket: "
)
NO_PROVIDER = diagnostic(
    "Failed to query available provider packages",
    "Could not retrieve the list of available versions for provider hashicorp/aws: could not connect to "
    "registry.terraform.io: failed to request discovery document: connection refused",
)
NOT_IN_MIRROR = diagnostic(
    "Failed to query available provider packages",
    "Could not retrieve the list of available versions for provider hashicorp/aws: provider "
    "registry.terraform.io/hashicorp/aws was not found in any of the search locations",
)


def change(address, *actions, before=None, after=None, **more):
    """One resource in `terraform show -json`."""
    return {"address": address, "change": {"actions": list(actions), "before": before, "after": after, **more}}


def planned(*changes, **more):
    """What `terraform plan -detailed-exitcode` and, where something changes, `terraform show -json` answer."""
    idle = all(found["change"]["actions"] in (["no-op"], ["read"]) for found in changes)
    if idle and not more and not any("importing" in found["change"] for found in changes):
        return {"terraform plan": ""}
    document = {"format_version": "1.2", "applyable": True, "errored": False, "resource_changes": list(changes), **more}
    return {"terraform plan": Result(2, "", ""), "terraform show": json.dumps(document)}
