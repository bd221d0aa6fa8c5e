"""InvokeWithResponseStream that streams: the function's bytes in event stream frames, while they arrive.

https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html

Without this patch the emulator sends the first byte only when the function has ended. The encoding of the frames
(application/vnd.amazon.eventstream: lengths, CRCs) is the emulator's.
"""

import importlib
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.emulator.failures import FunctionError, ThrottledError
from sandbox.emulator.invocation import Invocation
from sandbox.emulator.relay import relay, streaming_response

Answer = tuple[int, dict[str, Any], Any]
Handler = Callable[..., Awaitable[Answer]]

_CONTENT_TYPE = "application/vnd.amazon.eventstream"


def streaming(svc: Any, upstream: Handler) -> Handler:
    """Wrap `_invoke_with_response_stream`: image functions stream."""

    async def invoke(
        name: str, event: Any, headers: dict[str, str], path_qualifier: str | None = None, query: Any = None
    ) -> Answer:
        qualifier = path_qualifier or svc._qp_first(query or {}, "Qualifier") or None
        record, config = svc._get_func_record_for_qualifier(name, qualifier)
        dry = headers.get("x-amz-invocation-type", "RequestResponse") != "RequestResponse"
        if config is None or config.get("PackageType") != "Image" or dry:
            return await upstream(name, event, headers, path_qualifier, query)
        called = {**config, "FunctionArn": ":".join(filter(None, (svc._func_arn(name), qualifier)))}
        return await _answer(svc._execution_record_for_config(record, called), event)

    return invoke


async def _answer(record: dict[str, Any], event: Any) -> Answer:
    version = record["config"]["Version"]
    headers = {"Content-Type": _CONTENT_TYPE, "X-Amz-Executed-Version": version}
    try:
        invocation = await Invocation.begin(record, event, str(uuid.uuid4()))
    except ThrottledError as error:
        document = {"Reason": error.reason, "Type": "User", "message": "Rate Exceeded."}
        error_headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "TooManyRequestsException"}
        return 429, error_headers, json.dumps(document).encode()
    except FunctionError as error:
        return 200, headers, _complete(error)
    return 200, headers, streaming_response(relay(invocation, b"", invocation.chunks(), payload_chunk, _complete))


def _complete(error: FunctionError | None) -> bytes:
    if error is None:
        return invoke_complete()
    return invoke_complete((error.kind, error.payload.decode(errors="replace")))


def payload_chunk(data: bytes) -> bytes:
    """The frame of bytes of the function's answer."""
    return _frame("PayloadChunk", "application/octet-stream", data)


def invoke_complete(error: tuple[str, str] | None = None) -> bytes:
    """The last frame; after a failure it holds `error`, the ErrorCode and the ErrorDetails."""
    members = {"ErrorCode": error[0], "ErrorDetails": error[1]} if error else {}
    return _frame("InvokeComplete", "application/json", json.dumps(members).encode())


def _frame(kind: str, content_type: str, payload: bytes) -> bytes:
    headers = {":message-type": "event", ":event-type": kind, ":content-type": content_type}
    svc = importlib.import_module("ministack.services.lambda_svc")
    return bytes(svc._es_encode_message(headers, payload))
