"""Function URLs that stream: a request becomes Lambda's event; status and headers come from the answer's prelude.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html and urls-auth.html

Without this patch the emulator sends the first byte only when the function has ended.
"""

import importlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from sandbox.emulator.failures import FunctionError, ThrottledError
from sandbox.emulator.invocation import CALL, Call, Invocation
from sandbox.emulator.relay import relay, streaming_response

Answer = tuple[int, dict[str, Any], Any]
Handler = Callable[..., Awaitable[Answer]]

_PRELUDE_LIMIT = 1 << 20
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}
_PUBLIC = (
    ("lambda:InvokeFunctionUrl", {"lambda:functionurlauthtype": "NONE"}),
    ("lambda:InvokeFunction", {"lambda:invokedviafunctionurl": "true"}),
)
"""The two permissions that a URL without authorization needs since October 2025, each with its condition."""
_FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, "
    "see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)


def streaming(svc: Any, upstream: Handler) -> Handler:
    """Wrap `handle_function_url_request`: image functions whose URL has RESPONSE_STREAM stream.

    Both modes are closed to callers without a signature unless the function's policy opens them.
    """

    async def handle(url_id: str, *request: Any, **options: Any) -> Answer:
        method, _, headers, _, query = request
        options["resolved"] = url = options.get("resolved") or svc.resolve_function_url(url_id)
        record = _image_function(svc, url)
        account, region, name, qualifier, config = url or ("", "", "", None, dict[str, Any]())
        open_to_all = config.get("AuthType") == "NONE"
        preflight = method == "OPTIONS" and config.get("Cors")
        if record is None or preflight or not (open_to_all or svc._function_url_is_signed(headers, query)):
            return await upstream(url_id, *request, **options)
        if open_to_all and not _public(svc, account, region, name, qualifier):
            return _error(403, {"Message": _FORBIDDEN})
        if config.get("InvokeMode") != "RESPONSE_STREAM":
            return await upstream(url_id, *request, **options)
        source = {"source_ip": options.get("source_ip") or "127.0.0.1", "anonymous": open_to_all}
        event = svc._build_function_url_event(url_id, account, region, *request, **source)
        return await _answer(svc, record, event, svc._function_url_cors_headers(config, headers))

    return handle


def _image_function(svc: Any, url: Any) -> dict[str, Any] | None:
    """The version that the URL's alias names at this moment, if it is an image; it is invoked as the alias."""
    if url is None:
        return None
    account, region, name, qualifier, _ = url
    reference = f"{name}:{qualifier}" if qualifier else name
    record, config, _ = svc._get_func_record_for_ref_in_scope(reference, account_id=account, region=region)
    if config is None or config.get("PackageType") != "Image":
        return None
    invoked = {**config, "FunctionArn": f"arn:aws:lambda:{region}:{account}:function:{reference}"}
    return dict(svc._execution_record_for_config(record, invoked))


def _public(svc: Any, account: str, region: str, name: str, qualifier: str | None) -> bool:
    """Whether the resource policy allows every caller to invoke the function or alias by its URL."""
    iam = importlib.import_module("ministack.core.iam_evaluator")
    record, _, _ = svc._get_func_record_for_ref_in_scope(name, account_id=account, region=region)
    arn = ":".join(filter(None, (f"arn:aws:lambda:{region}:{account}:function:{name}", qualifier)))

    def allowed(action: str, context: dict[str, str]) -> bool:
        caller = ("anonymous", "Anonymous", "anonymous")
        request = iam.EvalContext(*caller, action, arn, region, service_context=context)
        return bool(iam.evaluate_resource_policy(record["policy"], request).decision == "Allow")

    return all(allowed(action, context) for action, context in _PUBLIC)


async def _answer(svc: Any, record: dict[str, Any], event: Any, cors: dict[str, str]) -> Answer:
    invocation, request_id = None, event["requestContext"]["requestId"]
    token = CALL.set(Call(trace=event["headers"]["x-amzn-trace-id"]))
    try:
        invocation = await Invocation.begin(record, event, request_id)
        chunks = invocation.chunks()
        head = await _until_prelude(svc, chunks)
    except ThrottledError as error:
        return _error(429, {"Reason": error.reason, "Type": "User", "message": "Rate Exceeded."})
    except FunctionError as error:
        status = 504 if error.kind == "Sandbox.Timedout" else 502
        document = {"Message": "Internal Server Error", "errorType": error.kind, "errorMessage": error.message}
        return _error(status, document)
    except BaseException:
        if invocation is not None:
            invocation.close(FunctionError("Sandbox.ClientGone", "The client closed the connection."))
        raise
    finally:
        CALL.reset(token)
    status, headers, first = svc._function_url_stream_response({"body": head}, cors)
    prelude, _ = svc._split_stream_prelude(head)
    headers = {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
    if prelude and prelude.get("cookies"):
        headers["Set-Cookie"] = list(prelude["cookies"])
    headers["x-amzn-RequestId"] = request_id
    # After a failure there is no last chunk, so that the client notices that the body is incomplete.
    body = relay(invocation, first, chunks, bytes, lambda error: None if error else b"")
    return status, headers, streaming_response(body)


async def _until_prelude(svc: Any, chunks: AsyncIterator[bytes]) -> bytes:
    """The start of the answer, including the whole prelude if there is one."""
    head = b""
    async for chunk in chunks:
        head += chunk
        if svc._STREAM_PRELUDE_SEPARATOR in head or not head.startswith(b"{") or len(head) > _PRELUDE_LIMIT:
            break
    return head


def _error(status: int, document: dict[str, str]) -> Answer:
    headers = {"Content-Type": "application/json"}
    if status == 403:
        headers["x-amzn-ErrorType"] = "AccessDeniedException"
    return status, headers, json.dumps(document).encode()
