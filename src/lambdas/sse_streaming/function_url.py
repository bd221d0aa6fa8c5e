"""Translate between a Function URL and ASGI: a request payload to a scope, a response's head to a prelude.

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

from starlette.types import Message, Receive, Scope

from sse_streaming.context import Context

EVENT, CONTEXT = "aws.event", "aws.context"
"""Keys of the ASGI scope, as Mangum has them: the payload as Lambda sent it (dict), and the `Context`."""

PRELUDE_MEDIA_TYPE = "application/vnd.awslambda.http-integration-response"

_PRELUDE_END = b"\0" * 8

# Lambda frames the body itself, so the function must not send headers of the connection (RFC 9110, section 7.6.1)
# or of the framing.
_CONNECTION_HEADERS = {
    *("connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"),
    *("content-length", "transfer-encoding"),
}

# RecursionError: JSON that is nested too deep.
_MALFORMED = (
    *(KeyError, TypeError, AttributeError, UnicodeError, RecursionError),
    *(json.JSONDecodeError, binascii.Error),
)


class UnknownEventError(ValueError):
    """The payload of the invocation is not a Function URL request of payload format 2.0."""


@dataclass(frozen=True)
class Request:
    """The request in a payload: its ASGI scope and its whole body."""

    scope: Scope
    body: bytes

    def receiver(self, after_body: Receive) -> Receive:
        """Return an ASGI `receive`: its first call returns the body, every later call calls `after_body`."""
        messages: list[Message] = [{"type": "http.request", "body": self.body, "more_body": False}]

        async def receive() -> Message:
            return messages.pop() if messages else await after_body()

        return receive


def parse(payload: bytes, context: Context) -> Request:
    """Return the request in a Function URL's payload.

    Raises UnknownEventError if the payload does not have payload format 2.0.
    """
    try:
        document = json.loads(payload)
        if document["version"] != "2.0":
            raise UnknownEventError(_unknown_format(f"its version is {document['version']!r}"))
        return Request(_scope(document, context), _body(document))
    except _MALFORMED as error:
        raise UnknownEventError(_unknown_format(f"{type(error).__name__}: {error}")) from error


def prelude(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the prelude of a streamed response: its status and headers as JSON, then eight NUL bytes."""
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


def _unknown_format(why: str) -> str:
    return f"not a Function URL event of payload format 2.0 ({why}); try: call the function through its URL"


def _scope(document: dict[str, Any], context: Context) -> Scope:
    request, headers = document["requestContext"], document["headers"]
    path: str = document["rawPath"]
    scope: Scope = {
        "type": "http",
        # With 2.3 Starlette waits for http.disconnect while it sends, so a stream stops as soon as Lambda stops
        # reading. With 2.4 it would notice only at the next send.
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request["http"]["method"].upper(),
        "scheme": headers.get("x-forwarded-proto", "https"),
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": document["rawQueryString"].encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": (request["http"].get("sourceIp", "unknown"), 0),
        "server": (request.get("domainName", "localhost"), 443),
        EVENT: document,
        CONTEXT: context,
    }
    if document.get("cookies"):
        scope["headers"].append((b"cookie", "; ".join(document["cookies"]).encode()))
    return scope


def _body(document: dict[str, Any]) -> bytes:
    text: str = document.get("body") or ""
    return base64.b64decode(text, validate=True) if document.get("isBase64Encoded") else text.encode()
