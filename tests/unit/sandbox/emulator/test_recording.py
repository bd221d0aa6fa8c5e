"""The record of requests and answers."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

from sandbox.emulator import recording

SIGNATURE = "AWS4-HMAC-SHA256 Credential=ASIA1/20261127/us-east-1/lambda/aws4_request, Signature=0123456789abcdef"


def call(file: Path, path: str = "/2015-03-31/functions/f", body: bytes = b"{}", **headers: str) -> Any:
    """Send a request to an application that answers with the body it got."""
    answered = []

    async def app(_: Any, receive: Any, send: Any) -> None:
        text = (await receive())["body"]
        await send({"type": "http.response.start", "status": 201, "headers": [(b"Content-Type", b"x/y")]})
        await send({"type": "http.response.body", "body": text, "more_body": True})
        await send({"type": "http.response.body", "body": b"!"})

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        answered.append(message)

    scope = {
        "type": "http",
        "method": "PUT",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"Qualifier=live",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(recording.recorded(app, file)(scope, receive, send))
    assert b"".join(message.get("body", b"") for message in answered) == body + b"!"
    return json.loads(file.read_text()) if file.exists() else None


def test_a_request_is_recorded_with_its_answer_and_passes_through(tmp_path: Path) -> None:
    line = call(tmp_path / "calls", body=b'{"a": 1}', authorization=SIGNATURE)
    assert (line["method"], line["path"], line["query"]) == ("PUT", "/2015-03-31/functions/f", "Qualifier=live")
    assert (line["key"], line["scope"], line["status"]) == ("ASIA1", "lambda", 201)
    assert base64.b64decode(line["body"]) == b'{"a": 1}'
    assert base64.b64decode(line["answer"]) == b'{"a": 1}!'
    assert line["answer_headers"] == {"content-type": "x/y"}


def test_no_password_is_recorded(tmp_path: Path) -> None:
    basic = base64.b64encode(b"AWS:111111111111-token").decode()
    line = call(tmp_path / "calls", authorization=f"Basic {basic}", **{"x-amz-security-token": "hidden-token"})
    assert line["key"] == "111111111111"
    assert not [secret for secret in (basic, "hidden-token") if secret in json.dumps(line)]
    (tmp_path / "calls").unlink()
    assert "0123456789abcdef" not in json.dumps(call(tmp_path / "calls", authorization=SIGNATURE))


def test_a_long_body_is_left_out(tmp_path: Path) -> None:
    line = call(tmp_path / "calls", body=b"x" * recording.LIMIT)
    assert base64.b64decode(line["body"]) == b"x" * recording.LIMIT
    assert line["answer"] is None


def test_the_emulator_s_own_paths_are_not_recorded_except_function_urls(tmp_path: Path) -> None:
    assert call(tmp_path / "calls", path="/_ministack/health") is None
    assert call(tmp_path / "calls", path=f"{recording.URL}abc/api", authorization=SIGNATURE)["status"] == 201
