"""What a caller of Invoke gives beside the event."""

import asyncio
import base64
import json

import pytest

from sandbox.emulator import buffered
from sandbox.emulator.invocation import CALL, Call

CONTEXT = base64.b64encode(b'{\n "custom": {"a": "\xc3\xa9"}\n}').decode()


def test_the_headers_of_a_call_become_headers_of_the_runtime_api() -> None:
    headers = {
        "x-amz-client-context": CONTEXT,
        "x-amz-tenant-id": "t",
        "x-amzn-trace-id": "Root=1-a-b;Parent=c;Sampled=1",
    }
    given = buffered.call_of({**headers, "x-amz-cognito-identity": '{"cognitoIdentityId": "i"}'}).headers()
    assert given == {
        "Lambda-Runtime-Client-Context": '{"custom": {"a": "\\u00e9"}}',
        "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId": "i"}',
        "Lambda-Runtime-Aws-Tenant-Id": "t",
        "Lambda-Runtime-Trace-Id": "Root=1-a-b;Parent=c;Sampled=1",
    }


def test_a_call_without_a_trace_gets_a_new_one_and_a_root_gets_a_parent() -> None:
    (new,) = Call().headers().values()
    (continued,) = Call(trace="Root=1-a-b").headers().values()
    assert new.startswith("Root=1-")
    assert continued.startswith("Root=1-a-b;Parent=")


def test_an_invocation_knows_the_call_of_its_request_only() -> None:
    async def upstream(*_: object) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, CALL.get().tenant.encode()

    invoke = buffered.called(None, upstream)
    assert asyncio.run(invoke("f", {}, {"x-amz-tenant-id": "t"}))[2] == b"t"
    assert CALL.get() == Call()


@pytest.mark.parametrize("context", ["no base64!", base64.b64encode(b"[]").decode(), base64.b64encode(b"{").decode()])
def test_a_malformed_client_context_is_refused_as_by_lambda(context: str) -> None:
    async def upstream(*_: object) -> tuple[int, dict[str, str], bytes]:
        raise AssertionError("it was invoked")

    invoke = buffered.called(None, upstream)
    status, headers, body = asyncio.run(invoke("f", {}, {"x-amz-client-context": context}))
    assert (status, headers["x-amzn-ErrorType"]) == (400, "InvalidRequestContentException")
    assert "Base64-encoded JSON object" in json.loads(body)["message"]
