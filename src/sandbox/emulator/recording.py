"""A record of every request that reaches the emulator, with its answer: one JSON object in each line of a file.

The launcher records only when the environment variable of `FILE` names a file. The record has the bodies and no
password: of a signature it has the access key alone.
"""

import base64
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

FILE = "SANDBOX_RECORD"
URL = "/_aws/lambda-url/"
"""The path of Function URLs, which have a host of their own on AWS."""

LIMIT = 262_144
"""Bytes; a longer body is left out of the record."""

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

_SECRET = ("authorization", "x-amz-security-token")


class _Body:
    """The parts of a body, as long as it is short enough to be recorded."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0

    def add(self, part: bytes) -> None:
        self.size += len(part)
        self.parts = [] if self.size > LIMIT else [*self.parts, part]

    @property
    def text(self) -> str | None:
        """In base64; None when it is longer than LIMIT."""
        return None if self.size > LIMIT else base64.b64encode(b"".join(self.parts)).decode()


def recorded(app: App, file: Path) -> App:
    """The application, which appends a line to `file` when an answer is complete.

    The emulator's own paths, /_..., are left out, except those of Function URLs.

    A line has `method`, `path`, `query`, `headers`, `body`, `key` (access key or registry account), `scope` (the signed
    service), `status`, `answer_headers` and `answer`. The bodies are in base64, or null.
    """

    async def serve_one(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _of_aws(scope["path"]):
            await app(scope, receive, send)
            return
        asked, answered, start = _Body(), _Body(), {}

        async def receive_part() -> Any:
            message = await receive()
            asked.add(message.get("body", b""))
            return message

        async def send_part(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                answered.add(message.get("body", b""))
            await send(message)

        await app(scope, receive_part, send_part)
        line = {**_request(scope), "body": asked.text, **_answer(start), "answer": answered.text}
        with file.open("a") as record:
            record.write(json.dumps(line) + "\n")

    return serve_one


def _of_aws(path: str) -> bool:
    return not path.startswith("/_") or path.startswith(URL)


def _request(scope: Any) -> dict[str, Any]:
    headers = _text(scope["headers"])
    authorization = headers.get("authorization", "")
    signed = re.search(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/aws4_request", authorization)
    return {
        "method": scope["method"],
        "path": scope["raw_path"].decode("latin-1"),
        "query": scope["query_string"].decode("latin-1"),
        "headers": {name: value for name, value in headers.items() if name not in _SECRET},
        "key": signed[1] if signed else _account(authorization),
        "scope": signed[2] if signed else "",
    }


def _account(authorization: str) -> str:
    """The account of a login to the registry, which has the password ACCOUNT-token."""
    kind, _, credentials = authorization.partition(" ")
    if kind.lower() != "basic":
        return ""
    return base64.b64decode(credentials).decode(errors="replace").removeprefix("AWS:").partition("-")[0]


def _answer(start: dict[str, Any]) -> dict[str, Any]:
    return {"status": start.get("status", 0), "answer_headers": _text(start.get("headers", ()))}


def _text(headers: Any) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
