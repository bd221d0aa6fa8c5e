"""The calls in a record of sandbox.emulator.recording, named as botocore's service models name them."""

import base64
import functools
import json
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
from botocore.model import OperationModel, ServiceModel

from sandbox.emulator import recording

SERVICES = {"monitoring": "cloudwatch"}
"""Name of a service in a signature => its name in botocore, where they differ."""

REGISTRY = "registry"
"""The service of calls to /v2/, which botocore does not know."""

URL = "function-url"
"""The service of signed requests to a Function URL, which botocore does not know either."""

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Call:
    """A request and its answer.

    Attributes:
        key: the access key; of a call to the registry, the account of the login.
        service: botocore's name, REGISTRY or URL.
        operation: botocore's name, such as GetFunction; of the registry, the method and the kind of path.
        request: the body.
        status: of the answer.
        answer: the body; None when it was too long for the record.
        headers: of the answer.
        agent: what sent the request, from its User-Agent.
    """

    key: str
    service: str
    operation: str
    request: bytes
    status: int
    answer: bytes | None
    headers: dict[str, str]
    agent: str

    @property
    def model(self) -> OperationModel:
        return models(self.service).operation_model(self.operation)

    def __str__(self) -> str:
        return f"{self.service}:{self.operation}"


def read(record: Path) -> Iterator[Call]:
    """Every call of the record, in the order of the answers; without calls that were not signed."""
    for line in record.read_text().splitlines():
        entry = json.loads(line)
        if entry["path"].startswith("/v2/"):
            yield _call(entry, REGISTRY, f"{entry['method']} {_kind(entry['path'])}")
            continue
        if entry["path"].startswith(recording.URL):
            if entry["scope"]:
                yield _call(entry, URL, entry["method"])
            continue
        body = base64.b64decode(entry["body"] or "")
        service = SERVICES.get(entry["scope"], entry["scope"]) or ("sts" if b"Action=AssumeRole" in body else "")
        if service:
            yield _call(entry, service, _operation(service, entry, body))


def _call(entry: dict[str, Any], service: str, operation: str) -> Call:
    return Call(
        entry["key"],
        service,
        operation,
        base64.b64decode(entry["body"] or ""),
        entry["status"],
        None if entry["answer"] is None else base64.b64decode(entry["answer"]),
        entry["answer_headers"],
        entry["headers"].get("user-agent", ""),
    )


@functools.cache
def models(service: str) -> ServiceModel:
    """botocore's model of a service."""
    return botocore.session.get_session().get_service_model(service)


def _kind(path: str) -> str:
    """Which route of the distribution specification: base, manifests, blobs, uploads, tags or referrers."""
    if path == "/v2/":
        return "base"
    kinds = ("blobs/uploads/", "manifests/", "blobs/", "tags/", "referrers/")
    return next(kind.strip("/").replace("blobs/uploads", "uploads") for kind in kinds if f"/{kind}" in path)


def _operation(service: str, entry: dict[str, Any], body: bytes) -> str:
    if target := entry["headers"].get("x-amz-target"):
        return str(target.rpartition(".")[2])
    if cbor := re.fullmatch(r"/service/\w+/operation/(\w+)", entry["path"]):
        return cbor[1]
    query = dict(urllib.parse.parse_qsl(entry["query"], keep_blank_values=True))
    if entry["headers"].get("content-type", "").startswith(_FORM):
        query |= dict(urllib.parse.parse_qsl(body.decode()))
    if "Action" in query:
        return query["Action"]
    fitting = [
        (fit, -len(name), name)  # ListBuckets rather than ListDirectoryBuckets, which has another endpoint
        for name, method, uri, needed in _routes(service)
        if method == entry["method"] and (fit := _fit(uri, needed, entry, query))
    ]
    assert fitting, f"no operation of {service}: {entry['method']} {entry['path']}?{entry['query']}"
    return max(fitting)[-1]


@functools.cache
def _routes(service: str) -> list[tuple[str, str, str, tuple[tuple[str, str], ...]]]:
    """Name, method, path and required (place, parameter) of each operation of a REST service."""
    routes = []
    for name in models(service).operation_names:
        operation = models(service).operation_model(name)
        if operation.deprecated:  # GetBucketLifecycle has the request of GetBucketLifecycleConfiguration
            continue
        members = operation.input_shape.members if operation.input_shape else {}
        required = operation.input_shape.required_members if operation.input_shape else []
        needed = tuple(
            (members[member].serialization.get("location", ""), members[member].serialization.get("name", member))
            for member in required
        )
        routes.append((name, operation.http["method"], operation.http["requestUri"], needed))
    return routes


def _fit(uri: str, needed: Any, entry: dict[str, Any], query: dict[str, str]) -> tuple[int, int] | None:
    """How closely the request fits the route: more fixed parameters, then more fixed text; None if it does not."""
    path, _, constants = uri.partition("?")
    fixed = dict(urllib.parse.parse_qsl(constants, keep_blank_values=True))
    pattern = re.sub(r"\\{\w+\\\+\\}", ".+", re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))
    if not re.fullmatch(f"{pattern.rstrip('/')}/?", entry["path"]):
        return None
    present = {"querystring": query, "header": entry["headers"]}
    missing = [
        name for place, name in needed if place in present and name.lower() not in map(str.lower, present[place])
    ]
    if missing or any(query.get(name) != value for name, value in fixed.items()):
        return None
    return len(fixed) + len([place for place, _ in needed if place in present]), len(re.sub(r"{[^}]*}", "", path))
