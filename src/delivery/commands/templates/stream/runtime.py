"""The runtime: takes each invocation from Lambda's Runtime API, and streams its answer as it is made.

Sources: Lambda developer guide, "Using the Lambda runtime API for custom runtimes" and "Implementing response
streaming in a custom runtime". AWS's own runtime client for Python knows no streaming.
"""

import http.client
import itertools
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

PRELUDE = {"statusCode": 200, "headers": {"content-type": "text/event-stream", "cache-control": "no-store"}}
_INVOCATION = "/2018-06-01/runtime/invocation"
_ID, _REQUEST = "Lambda-Runtime-Invocation-Id", "Lambda-Runtime-Aws-Request-Id"

Events = Callable[[dict[str, Any]], Iterator[bytes]]


_stopping = threading.Event()


def run(events: Events) -> None:
    """Serve invocations until Lambda ends the process. `events` makes the answer to a request.

    On Lambda Managed Instances a process has several invocations at a time: `events` then runs in as many threads.
    """
    signal.signal(signal.SIGTERM, _stop)  # without a handler, the first process of a container ignores SIGTERM
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    for _ in range(1, int(os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY", "1"))):
        threading.Thread(target=_loop, args=(address, events), daemon=True).start()
    _loop(address, events)


def _loop(address: str, events: Events) -> None:
    while not _stopping.is_set():
        serve(address, events)


def _stop(*_: object) -> None:
    _stopping.set()
    sys.exit(0)


def serve(address: str, events: Events) -> None:
    """Serve the next invocation of the Runtime API at `address` (host:port). A failure is logged and reported."""
    headers, request = _next(address)
    path = f"{_INVOCATION}/{headers[_REQUEST]}"
    returned = {_ID: headers[_ID]} if headers[_ID] else {}
    try:
        answer = body(events, request)
    except Exception as error:  # noqa: BLE001 - the function may raise anything
        traceback.print_exc()
        failure = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
        _post(address, f"{path}/error", failure.encode(), returned)
        return
    streaming = {
        "Content-Type": "application/vnd.awslambda.http-integration-response",
        "Lambda-Runtime-Function-Response-Mode": "streaming",
        "Transfer-Encoding": "chunked",
    }
    try:
        _post(address, f"{path}/response", answer, {**streaming, **returned})
    except Exception:  # noqa: BLE001 - the answer has begun: closing the connection tells Lambda that it is cut off
        traceback.print_exc()


def body(events: Events, request: dict[str, Any]) -> Iterator[bytes]:
    """The answer: status and headers, eight NUL bytes, then the events.

    The first event is made before it returns, so that a failure at the beginning is an error and not a cut stream.
    """
    stream = iter(events(request))
    first = next(stream, b"")
    return itertools.chain([json.dumps(PRELUDE).encode() + bytes(8), first], _until_stopped(stream))


def _until_stopped(stream: Iterator[bytes]) -> Iterator[bytes]:
    """The events until SIGTERM, which interrupts the wait for the next one: the answer ends as it would by itself."""
    try:
        yield from stream
    except SystemExit:
        return


def _next(address: str) -> tuple[http.client.HTTPMessage, dict[str, Any]]:
    connection = http.client.HTTPConnection(address)  # without a time limit: Lambda freezes the process meanwhile
    try:
        connection.request("GET", f"{_INVOCATION}/next")
        answer = connection.getresponse()
        return answer.headers, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


def _post(address: str, path: str, data: bytes | Iterator[bytes], headers: dict[str, str]) -> None:
    connection = http.client.HTTPConnection(address)
    try:
        connection.request("POST", path, data, headers, encode_chunked="Transfer-Encoding" in headers)
        connection.getresponse().read()
    finally:
        connection.close()
