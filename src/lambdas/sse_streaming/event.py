"""A Function URL's event as an ASGI scope, and a response's head as the prelude Lambda expects.

Sources: Lambda developer guide, "Invoking Lambda function URLs" (payload format 2.0) and "Implementing
response streaming in a custom runtime"; ASGI HTTP connection scope 2.3.
"""

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.types import Scope

DEADLINE = "sse_streaming.deadline"
"""Scope key: when Lambda will end the invocation, in seconds since the epoch (float)."""

PRELUDE_MEDIA_TYPE = "application/vnd.awslambda.http-integration-response"

_PRELUDE_END = b"\0" * 8

# Lambda frames the body itself: what describes a connection (RFC 9110, section 7.6.1) or a framing would lie.
_CONNECTION_HEADERS = {
    *("connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"),
    *("content-length", "transfer-encoding"),
}


class UnknownEventError(ValueError):
    """The function was invoked with something that is not a Function URL event."""


@dataclass(frozen=True)
class Request:
    """What the event asks for: an ASGI scope and the whole request body."""

    scope: Scope
    body: bytes


def parse(payload: bytes, deadline: float) -> Request:
    """Return the request in a Function URL event; `deadline` is in seconds since the epoch.

    Raises UnknownEventError when the payload is not a Function URL event of format 2.0.
    """
    try:
        event = json.loads(payload)
        if event["version"] != "2.0":
            raise UnknownEventError(_unknown(f"its version is {event['version']!r}"))
        return Request(_scope(event, deadline), _body(event))
    except (KeyError, TypeError, AttributeError, UnicodeError, json.JSONDecodeError, binascii.Error) as error:
        raise UnknownEventError(_unknown(f"{type(error).__name__}: {error}")) from error


def prelude(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the JSON head of a streamed response with the eight NULs that end it."""
    plain: dict[str, str] = {}
    cookies = []
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "set-cookie":
            cookies.append(value)
        elif name not in _CONNECTION_HEADERS:
            plain[name] = f"{plain[name]}, {value}" if name in plain else value
    head = {"statusCode": status, "headers": plain, "cookies": cookies}
    return json.dumps(head).encode() + _PRELUDE_END


def _unknown(why: str) -> str:
    return f"not a Function URL event of payload format 2.0 ({why}); try: call the function through its URL"


def _scope(event: dict[str, Any], deadline: float) -> Scope:
    context, headers = event["requestContext"], event["headers"]
    path: str = event["rawPath"]
    scope: Scope = {
        "type": "http",
        # 2.3: the app watches receive(), and so stops as soon as nobody reads, not at its next send.
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": context["http"]["method"].upper(),
        "scheme": headers.get("x-forwarded-proto", "https"),
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": event["rawQueryString"].encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": (context["http"].get("sourceIp", "unknown"), 0),
        "server": (context.get("domainName", "localhost"), 443),
        DEADLINE: deadline,
    }
    if event.get("cookies"):
        scope["headers"].append((b"cookie", "; ".join(event["cookies"]).encode()))
    return scope


def _body(event: dict[str, Any]) -> bytes:
    text: str = event.get("body") or ""
    return base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
