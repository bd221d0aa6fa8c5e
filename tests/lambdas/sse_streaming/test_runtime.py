"""The runtime's loop serves a fake Runtime API, which fails the test at every wrong request."""

import asyncio
import json
import logging
import re
import socket
from base64 import b64decode

import pytest
from support.function import broken_apps
from support.function_url import event_types, payload, response

from sse_streaming import runtime, runtime_api
from sse_streaming.exchange import RuntimeApiError
from sse_streaming.settings import SettingsError

pytestmark = pytest.mark.anyio
START = broken_apps.START
# Lambda developer guide, "Using the Lambda runtime API for custom runtimes"
ERROR_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")


async def require_service(api):
    """Fail unless the runtime answers one more invocation."""
    invocation = await api.invoke(payload(path="/api/v2/stream/status")).ended()
    assert response(invocation.body).status == 200


# Start


async def test_a_function_that_cannot_start_reports_the_reason_to_lambda(api):
    def create_app():
        raise SettingsError("HEARTBEAT_SECONDS must be a number")

    with pytest.raises(SettingsError):
        await runtime.run(api.address, create_app)
    headers, report = api.init_error
    assert headers["lambda-runtime-function-error-type"] == "Function.SettingsError"
    assert report["errorMessage"] == "HEARTBEAT_SECONDS must be a number"


async def test_a_runtime_that_cannot_reach_its_api_raises():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(RuntimeApiError, match="no connection"):
        await runtime.run(address, lambda: broken_apps.returns_without_a_response)


# Requests and responses


async def test_the_runtime_sends_a_part_of_the_body_before_the_app_makes_the_next_part(api, serving):
    first_arrived = asyncio.Event()

    async def app(_scope, _receive, send):
        await send(START)
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await first_arrived.wait()
        await send({"type": "http.response.body", "body": b"last"})

    async with serving(app):
        invocation = api.invoke(payload())
        await invocation.wait_for(b"first")
        assert b"last" not in invocation.body
        first_arrived.set()
        assert response((await invocation.ended()).body).body == b"firstlast"


async def test_the_response_is_a_streamed_http_integration_response(api, serving, function):
    async with serving(function):
        invocation = await api.invoke(payload(query="events=3&interval=0.05")).ended()
    assert invocation.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert invocation.headers["transfer-encoding"] == "chunked"
    assert invocation.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    streamed = response(invocation.body)
    assert (streamed.status, streamed.headers["content-type"]) == (200, "text/event-stream")
    assert event_types(streamed.body) == ["hello", "heartbeat", "heartbeat"]
    assert invocation.trailers == {}


async def test_a_payload_in_chunks_is_parsed(api, serving, function):
    long = payload(path="/api/v2/stream/status", headers={"x-long": "x" * 5000})
    async with serving(function):
        invocation = await api.invoke(long, chunked=True).ended()
    assert response(invocation.body).status == 200


async def test_the_app_receives_the_request_body(api, serving):
    async def echo(_scope, receive, send):
        await send(START)
        await send({"type": "http.response.body", "body": (await receive())["body"]})

    async with serving(echo):
        invocation = await api.invoke(payload(method="POST", body=b"\0\xff")).ended()
    assert invocation.body.endswith(b"\0\xff")


# Errors


@pytest.mark.parametrize("app", [broken_apps.raises_midway, broken_apps.returns_midway])
async def test_an_error_midway_ends_the_body_and_is_reported_in_trailers(api, serving, app):
    async with serving(app):
        invocation = await api.invoke(payload()).ended()
        assert (await api.invoke(payload()).ended()).answer == "response"
    assert response(invocation.body).body == b"first"
    error_type = invocation.trailers["lambda-runtime-function-error-type"]
    report = json.loads(b64decode(invocation.trailers["lambda-runtime-function-error-body"]))
    assert ERROR_TYPE.fullmatch(error_type)
    assert report["errorType"] == error_type
    assert sum(map(len, invocation.trailers.values())) < 8192


@pytest.mark.parametrize(
    ("app", "error_type"),
    [
        (broken_apps.raises_before_the_response, "Function.KeyError"),
        (broken_apps.returns_without_a_response, "Function.RuntimeError"),
    ],
)
async def test_an_error_before_the_response_is_reported_as_an_invocation_error(api, serving, app, error_type):
    async with serving(app):
        invocation = await api.invoke(payload()).ended()
    assert invocation.answer == "error"
    assert invocation.headers["lambda-runtime-function-error-type"] == error_type
    assert json.loads(invocation.body)["errorType"] == error_type


async def test_a_payload_of_unknown_format_is_an_invocation_error_and_the_next_invocation_is_served(
    api, serving, function
):
    async with serving(function):
        invocation = await api.invoke({"Records": []}).ended()
        assert invocation.answer == "error"
        assert json.loads(invocation.body)["errorType"] == "Function.UnknownEventError"
        await require_service(api)


async def test_an_error_after_the_response_is_not_reported_to_lambda(api, serving):
    async with serving(broken_apps.raises_after_the_response):
        invocation = await api.invoke(payload()).ended()
        assert (await api.invoke(payload()).ended()).answer == "response"
    assert (invocation.answer, invocation.trailers) == ("response", {})


async def test_an_error_that_the_app_answers_with_500_is_not_reported_again(api, serving, function, monkeypatch):
    monkeypatch.setattr("sse_streaming.heartbeat.events", lambda *_: 1 / 0)
    async with serving(function):
        invocation = await api.invoke(payload()).ended()
        await require_service(api)
    streamed = response(invocation.body)
    assert (streamed.status, json.loads(streamed.body)) == (500, {"error": "Internal Server Error"})


async def test_an_error_is_logged_with_its_traceback(api, serving, caplog):
    with caplog.at_level(logging.ERROR):
        async with serving(broken_apps.raises_before_the_response):
            await api.invoke(payload()).ended()
    assert "KeyError: 'before'" in caplog.text


# The end of a response


async def test_an_app_that_still_runs_is_stopped_before_the_deadline(api, serving):
    async def never_ends(_scope, _receive, send):
        await send(START)
        await asyncio.Event().wait()

    async with serving(never_ends):
        invocation = await api.invoke(payload(), seconds=0.8).ended()
    assert invocation.trailers["lambda-runtime-function-error-type"] == "Function.TimeoutError"


async def test_a_stream_ends_before_the_deadline(api, serving, function):
    async with serving(function):
        invocation = await api.invoke(payload(), seconds=5.4).ended()
    assert invocation.body.endswith(b"\n\nretry: 1000\n\n")
    assert b"heartbeat" in invocation.body
    assert invocation.trailers == {}


@pytest.mark.parametrize("behaviour", [{"hang_up": True}, {"answer_early": 413}])
async def test_an_app_is_stopped_when_the_api_stops_reading_its_response(api, serving, function, behaviour):
    async with serving(function):
        await api.invoke(payload(query="interval=60"), **behaviour).ended()
        await require_service(api)


@pytest.mark.parametrize("behaviour", [{"hang_up": True}, {"answer_early": 413}, {"answer_early": 202}])
async def test_send_raises_when_the_api_stops_reading_the_response(api, serving, behaviour):
    raised = asyncio.get_running_loop().create_future()

    async def app(_scope, _receive, send):
        await send(START)
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
                await asyncio.sleep(0)
        except OSError as error:
            raised.set_result(error)

    async with serving(app):
        await api.invoke(payload(), **behaviour).ended()
        assert isinstance(await asyncio.wait_for(raised, 5), OSError)


async def test_the_runtime_does_not_wait_for_an_api_that_never_accepts_a_response(api, serving, function, monkeypatch):
    monkeypatch.setattr(runtime_api, "REPLY_SECONDS", 0.1)
    async with serving(function):
        await api.invoke(payload(path="/api/v2/stream/status"), silent=True).ended()
        await require_service(api)


async def test_the_status_with_which_the_api_refuses_a_response_is_logged(api, serving, function, caplog):
    async with serving(function):
        await api.invoke(payload(query="interval=60"), answer_early=413).ended()
        await require_service(api)
    assert "the Runtime API answered 413" in caplog.text
