"""InvokeWithResponseStream, live: the function's bytes in event stream frames as they come.

https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
"""

import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.emulator import eventstream
from sandbox.emulator.containers import FunctionError, ThrottledError
from sandbox.emulator.invocation import Run
from sandbox.emulator.relay import relay, streaming

Answer = tuple[int, dict[str, Any], Any]
Handler = Callable[..., Awaitable[Answer]]


def live(svc: Any, upstream: Handler) -> Handler:
    """The emulator's `_invoke_with_response_stream`, streaming for image functions."""

    async def invoke(
        name: str, event: Any, headers: dict[str, str], path_qualifier: str | None = None, query: Any = None
    ) -> Answer:
        qualifier = path_qualifier or svc._qp_first(query or {}, "Qualifier") or None
        record, config = svc._get_func_record_for_qualifier(name, qualifier)
        dry = headers.get("x-amz-invocation-type", "RequestResponse") != "RequestResponse"
        if config is None or config.get("PackageType") != "Image" or dry:
            return await upstream(name, event, headers, path_qualifier, query)
        return await _answer(svc._execution_record_for_config(record, config), event)

    return invoke


async def _answer(record: dict[str, Any], event: Any) -> Answer:
    version = record["config"]["Version"]
    headers = {"Content-Type": eventstream.CONTENT_TYPE, "X-Amz-Executed-Version": version}
    try:
        run = await Run.begin(record, event, str(uuid.uuid4()))
    except ThrottledError as error:
        told = {"Reason": error.reason, "Type": "User", "message": "Rate Exceeded."}
        refusal = {"Content-Type": "application/json", "x-amzn-ErrorType": "TooManyRequestsException"}
        return 429, refusal, json.dumps(told).encode()
    except FunctionError as error:
        return 200, headers, _complete(error)
    return 200, headers, streaming(relay(run, b"", run.chunks(), eventstream.payload_chunk, _complete))


def _complete(error: FunctionError | None) -> bytes:
    if error is None:
        return eventstream.invoke_complete()
    details = json.dumps({"errorType": error.kind, "errorMessage": error.message})
    return eventstream.invoke_complete((error.kind, details))
