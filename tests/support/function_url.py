"""Make the payloads that a Function URL sends to a function, and parse the bytes that the function streams back."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INVOKE_PATH = "/2015-03-31/functions/function/invocations"
"""The path at which AWS's Runtime Interface Emulator takes an invocation."""


@dataclass(frozen=True)
class Response:
    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes


def payload(
    path: str = "/api/v2/stream",
    query: str = "",
    method: str | None = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> dict[str, Any]:
    """Return a payload of format 2.0, as in the developer guide, without the fields that the function ignores."""
    document: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "abc.lambda-url.us-east-1.on.aws", "x-forwarded-proto": "https"} | dict(headers or {}),
        "requestContext": {
            "domainName": "abc.lambda-url.us-east-1.on.aws",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
        },
        "isBase64Encoded": False,
    }
    if body is not None:
        document |= {"body": b64encode(body).decode(), "isBase64Encoded": True}
    return document


def response(raw: bytes) -> Response:
    """Parse a streamed response: JSON prelude, eight NULs, body."""
    prelude, _, body = raw.partition(b"\0" * 8)
    head = json.loads(prelude)
    return Response(head["statusCode"], head["headers"], head["cookies"], body)


def events(body: bytes) -> list[tuple[str | None, Any]]:
    """Return the events that a client dispatches, as (type, data) pairs. A block without data is no event."""
    dispatched = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "data" in fields:
            dispatched.append((fields.get("event"), json.loads(fields["data"])))
    return dispatched


def event_types(body: bytes) -> list[str | None]:
    """Return the types of the events that a client dispatches."""
    return [event_type for event_type, _ in events(body)]
