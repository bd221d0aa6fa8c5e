"""template-name: streams Server-Sent Events through its Function URL."""

import json
import os
import time
from collections.abc import Iterator
from typing import Any

ROUTE = "/events"


def events(request: dict[str, Any]) -> Iterator[bytes]:
    """The events of one stream, each as soon as it is there. The first one is part of the health contract.

    `request`: payload format 2.0, https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html. A stream must end
    before the time-out of the function, and a client connects again by itself.
    """
    query = request.get("queryStringParameters") or {}
    yield event("hello", {"version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")})
    for number in range(1, int(query.get("events", "10"))):
        time.sleep(float(query.get("interval", "1")))
        yield event("tick", {"number": number})


def event(name: str, data: object) -> bytes:
    """One event as it is sent: https://html.spec.whatwg.org/multipage/server-sent-events.html."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
