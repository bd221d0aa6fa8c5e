"""A request as a Function URL passes it to a function, and the answer as the URL would send it: payload format 2.0.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html, "Request and response payloads"
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from delivery import clock
from delivery.aws.sse import SEPARATOR, read_prelude

_HOST = "health-check.lambda-url.invalid"
_ADDRESS = "127.0.0.1"
_AGENT = "health-check"


@dataclass(frozen=True)
class Answer:
    """The status and the body of an answer of HTTP."""

    status: int
    body: str


def request(path: str, query: Mapping[str, str], accept: str = "*/*") -> dict[str, Any]:
    """The event of `GET path`. `accept`: the media types that the client takes."""
    now = clock.now()
    http = {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": _ADDRESS, "userAgent": _AGENT}
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": urlencode(query),
        "headers": {"accept": accept, "host": _HOST, "user-agent": _AGENT, "x-forwarded-for": _ADDRESS},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "health-check",
            "domainName": _HOST,
            "domainPrefix": "health-check",
            "http": http,
            "requestId": "health-check",
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    return {**event, "queryStringParameters": dict(query)} if query else event


def answer(payload: bytes) -> Answer:
    """The answer in the result of an invocation. Raises ValueError for a result that is no answer of HTTP.

    A function that streams sends a prelude and a body: `sse.read_prelude`. JSON without `statusCode` is the body of an
    answer with status 200.
    """
    head, separator, body = payload.partition(SEPARATOR)
    if separator:
        return Answer(read_prelude(head).status, body.decode(errors="replace"))
    document = json.loads(payload)
    if not isinstance(document, dict) or "statusCode" not in document:
        return Answer(200, document if isinstance(document, str) else json.dumps(document))
    status, text = document["statusCode"], document.get("body")
    if not str(status).isdigit():
        raise ValueError(f"its statusCode is {status!r}")
    if not isinstance(text, str):
        text = "" if text is None else json.dumps(text)
    elif document.get("isBase64Encoded") is True:
        try:
            text = base64.b64decode(text, validate=True).decode(errors="replace")
        except binascii.Error as error:
            raise ValueError(f"its body is no base64: {error}") from error
    return Answer(int(status), text)
