"""What a Function URL sends to a function, and how what comes back is read."""

import json
import re
from base64 import b64encode
from dataclasses import dataclass

ALLOWED_ERROR_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes


def event(path="/api/v2/stream", query="", method="GET", headers=None, body=None):
    """A Function URL event of payload format 2.0, as in the developer guide, without what nobody reads."""
    made = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "abc.lambda-url.us-east-1.on.aws", "x-forwarded-proto": "https"} | (headers or {}),
        "requestContext": {
            "domainName": "abc.lambda-url.us-east-1.on.aws",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
        },
        "isBase64Encoded": False,
    }
    if body is not None:
        made |= {"body": b64encode(body).decode(), "isBase64Encoded": True}
    return made


def answer(raw):
    """Take a raw streamed response apart: JSON prelude, eight NULs, body."""
    prelude, _, body = raw.partition(b"\0" * 8)
    head = json.loads(prelude)
    return Answer(head["statusCode"], head["headers"], head["cookies"], body)


def events(body):
    """The events a client would dispatch, as (type, data) pairs; blocks without data dispatch none."""
    found = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "data" in fields:
            found.append((fields.get("event"), json.loads(fields["data"])))
    return found


async def answers_next(api):
    """The runtime is still serving: the next invocation gets its answer."""
    call = await api.invoke(event(path="/api/v2/stream/status")).ended()
    assert answer(call.body).status == 200
    return True
