"""Invocations whose answer is collected: Invoke, Function URLs with BUFFERED, and everything that triggers a function.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html

Upstream posts the event to a container's port 8080, where only AWS's Runtime Interface Emulator listens. Here the
function gets it from its Runtime API.
"""

import base64
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sandbox.emulator import runtime_loop
from sandbox.emulator.failures import FunctionError, ThrottledError
from sandbox.emulator.invocation import CALL, Call, Invocation

Answer = tuple[int, dict[str, Any], bytes]
Handler = Callable[..., Awaitable[Answer]]


def executed(svc: Any, upstream: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Wrap `_execute_function`, through which all of them go: image functions use the Runtime API."""

    def execute(func: dict[str, Any], event: Any) -> dict[str, Any]:
        config = func.get("config") or func
        if config.get("PackageType") != "Image":
            return upstream(func, event)
        record = func if "config" in func else {"config": func}
        try:
            return runtime_loop.call(_result(record, event))
        except ThrottledError as error:
            svc._emit_lambda_metrics(config["FunctionName"], duration_ms=0.0, error=False, throttle=True)
            return dict(svc._throttle_response(reason_code=error.reason, msg="Rate Exceeded."))

    return execute


def called(_: Any, upstream: Handler) -> Handler:
    """Wrap a handler of the Lambda API that invokes: the function gets the context, the tenant and the trace."""

    async def invoke(name: str, event: Any, headers: dict[str, str], *rest: Any, **named: Any) -> Answer:
        try:
            token = CALL.set(call_of(headers))
        except ValueError:
            message = "Client context must be a valid Base64-encoded JSON object."
            document = {"Type": "User", "message": message}
            kind = {"Content-Type": "application/json", "x-amzn-ErrorType": "InvalidRequestContentException"}
            return 400, kind, json.dumps(document).encode()
        try:
            return await upstream(name, event, headers, *rest, **named)
        finally:
            CALL.reset(token)

    return invoke


def call_of(headers: Mapping[str, str]) -> Call:
    """What the headers of a request give beside the event. Raises ValueError when a context is no JSON object."""
    context = headers.get("x-amz-client-context", "")
    identity = headers.get("x-amz-cognito-identity", "")
    return Call(
        client_context=_object(base64.b64decode(context, validate=True)) if context else "",
        cognito_identity=_object(identity.encode()) if identity else "",
        tenant=headers.get("x-amz-tenant-id", ""),
        trace=headers.get("x-amzn-trace-id", ""),
    )


def _object(text: bytes) -> str:
    """The JSON object on one line and in ASCII, as a header needs it."""
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    return json.dumps(document)


async def _result(record: dict[str, Any], event: Any) -> dict[str, Any]:
    """The result of an execution, in upstream's form."""
    try:
        invocation = await Invocation.begin(record, event, str(uuid.uuid4()))
        body = b"".join([chunk async for chunk in invocation.chunks()])
        log = await invocation.log()
    except FunctionError as error:
        return {"body": _document(error.payload), "error": True, "function_error": "Unhandled", "log": error.log}
    return {"body": _document(body), "log": log}


def _document(body: bytes) -> Any:
    """The JSON value of an answer; its bytes if it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return body
