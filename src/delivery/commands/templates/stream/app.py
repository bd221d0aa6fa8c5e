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
    # At the beginning, so that it counts when the connection is cut: a browser would wait for about three seconds.
    yield event("hello", {"version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")}, retry=1000)
    for number in range(1, int(query.get("events", "10"))):
        time.sleep(float(query.get("interval", "1")))
        yield event("tick", {"number": number})


def event(name: str, data: object, retry: int | None = None) -> bytes:
    """One event as it is sent: https://html.spec.whatwg.org/multipage/server-sent-events.html.

    `retry`: the milliseconds after which a client without connection connects again.
    """
    time_to_retry = "" if retry is None else f"retry: {retry}\n"
    return f"event: {name}\ndata: {json.dumps(data)}\n{time_to_retry}\n".encode()
