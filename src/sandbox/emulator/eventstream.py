"""The frames InvokeWithResponseStream answers with: application/vnd.amazon.eventstream.

The encoding itself (lengths, CRCs) is the emulator's. What the events are called and hold:
https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
"""

import importlib
import json

CONTENT_TYPE = "application/vnd.amazon.eventstream"


def payload_chunk(data: bytes) -> bytes:
    """Bytes of the function's answer, as they came."""
    return _event("PayloadChunk", "application/octet-stream", data)


def invoke_complete(error: tuple[str, str] | None = None) -> bytes:
    """The end of the stream; of a failed invocation with its ErrorCode and ErrorDetails."""
    members = {"ErrorCode": error[0], "ErrorDetails": error[1]} if error else {}
    return _event("InvokeComplete", "application/json", json.dumps(members).encode())


def _event(kind: str, content_type: str, payload: bytes) -> bytes:
    headers = {":message-type": "event", ":event-type": kind, ":content-type": content_type}
    svc = importlib.import_module("ministack.services.lambda_svc")
    return bytes(svc._es_encode_message(headers, payload))
