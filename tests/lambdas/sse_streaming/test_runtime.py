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
from sse_streaming.sse import Event

pytestmark = pytest.mark.anyio
START = broken_apps.START
# Lambda developer guide, "Using the Lambda runtime API for custom runtimes"
ERROR_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")


async def require_service(api):
    """Fail unless the runtime answers one more invocation."""
    invocation = await api.invoke(payload(path="/api/v2/stream/status")).ended()
    assert response(invocation.body).status == 200


async def report(capsys):
    """Return the line about the first stream when it is written."""
    text = ""
    async with asyncio.timeout(5):
        while "\n" not in text:
            await asyncio.sleep(0.01)
            text += capsys.readouterr().out
    return json.loads(text.splitlines()[0])


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


async def test_an_app_gets_the_ids_that_lambda_gave_the_invocation(api, serving):
    contexts = []

    async def app(scope, _receive, send):
        contexts.append(scope["aws.context"])
        await send(START)
        await send({"type": "http.response.body"})

    async with serving(app):
        invocation = await api.invoke(payload()).ended()
    (context,) = contexts
    assert (context.aws_request_id, context.tenant_id) == (invocation.request_id, "blue")
    assert context.trace_id == "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"
    assert context.invoked_function_arn == "arn:aws:lambda:us-east-1:123456789012:function:f:live"
    assert 55_000 < context.get_remaining_time_in_millis() <= 60_000


async def test_a_request_with_a_header_of_a_megabyte_is_answered(api, serving, function):
    async with serving(function):
        huge = payload(path="/api/v2/stream/status", headers={"x-huge": "x" * 1_000_000})
        invocation = await api.invoke(huge, chunked=True).ended()
    assert response(invocation.body).status == 200


# Several invocations in one process


async def test_as_many_streams_run_at_the_same_time_as_lambda_allows(api, serving, function):
    """With one loop the second stream would begin after the first one."""
    async with serving(function, concurrency=3):
        streams = [api.invoke(payload(query="interval=60")) for _ in range(3)]
        for stream in streams:
            await stream.wait_for(b"event: hello")


async def test_an_app_that_is_always_ready_lets_other_streams_run(api, serving):
    ended = asyncio.Event()

    async def app(scope, _receive, send):
        await send(START)
        if scope["path"] == "/other":
            ended.set()
        while not ended.is_set():
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body"})

    async with serving(app, concurrency=2):
        busy = api.invoke(payload())
        await busy.wait_for(b"x")
        other = api.invoke(payload(path="/other"))
        await asyncio.gather(busy.ended(), other.ended())


async def test_an_error_in_one_of_several_streams_does_not_touch_the_others(api, serving):
    async def app(scope, receive, send):
        await (broken_apps.raises_midway if scope["path"] == "/broken" else broken_apps.waits)(scope, receive, send)

    async with serving(app, concurrency=2):
        waiting = api.invoke(payload())
        await waiting.wait_for(b"first")
        broken = await api.invoke(payload(path="/broken")).ended()
        assert broken.trailers["lambda-runtime-function-error-type"] == "Function.ValueError"
        assert waiting.answer == "response"
        assert waiting.trailers == {}


# Snapshots


async def test_a_runtime_that_lambda_takes_a_snapshot_of_asks_for_invocations_after_it_was_restored(
    api, serving, function
):
    async with serving(function, snapshot=True):
        invocation = api.invoke(payload(path="/api/v2/stream/status"))
        async with asyncio.timeout(5):
            while not api.requests:
                await asyncio.sleep(0.01)
        assert api.requests == ["/restore/next"]
        api.restore.set()
        assert response((await invocation.ended()).body).status == 200
    assert api.requests[:2] == ["/restore/next", "/invocation/next"]


# The stop of the process


async def test_a_stop_in_the_middle_of_a_stream_ends_the_stream_cleanly(api, serving, function):
    async with serving(function, concurrency=2) as stop:
        stream = api.invoke(payload(query="interval=60"))
        await stream.wait_for(b"event: hello")
        stop.set()
        await stream.ended()
    assert stream.body.endswith(b"\n\n")
    assert stream.trailers == {}


async def test_a_stop_ends_an_app_that_does_not_listen_to_it(api, serving):
    async def deaf(_scope, _receive, send):
        await send(START)
        await asyncio.Event().wait()

    async with serving(deaf) as stop:
        stream = api.invoke(payload())
        await stream.wait_for(b"\0")
        stop.set()
        await stream.ended()
    assert stream.trailers["lambda-runtime-function-error-type"] == "Function.TimeoutError"


async def test_a_stop_while_an_error_is_reported_changes_nothing(api, serving, monkeypatch):
    monkeypatch.setattr(runtime_api, "REPLY_SECONDS", 0.2)
    async with serving(broken_apps.raises_before_the_response) as stop:
        invocation = await api.invoke(payload(), silent=True).ended()
        stop.set()
    assert json.loads(invocation.body)["errorType"] == "Function.KeyError"


async def test_a_stop_lets_a_short_response_end_as_it_would(api, serving):
    asked = asyncio.Event()

    async def app(_scope, _receive, send):
        asked.set()
        await asyncio.sleep(0.05)
        await send(START)
        await send({"type": "http.response.body", "body": b"all"})

    async with serving(app) as stop:
        invocation = api.invoke(payload())
        await asked.wait()
        stop.set()
        assert response((await invocation.ended()).body).body == b"all"


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


# The report


async def test_a_stream_leaves_one_line_with_its_ids_its_size_and_metrics(api, serving, function, capsys):
    async with serving(function, function="prod-sse", version="7"):
        invocation = await api.invoke(payload(query="events=3&interval=0.05")).ended()
        line = await report(capsys)
    assert (line["requestId"], line["tenantId"]) == (invocation.request_id, "blue")
    assert line["traceId"] == "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"
    assert (line["FunctionName"], line["version"], line["endReason"]) == ("prod-sse", "7", "complete")
    assert (line["Events"], line["Bytes"]) == (3, len(response(invocation.body).body))
    assert 0 <= line["FirstEvent"] <= line["Duration"]
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    # CloudWatch guide, "Specification: Embedded metric format": a metric names a number at the root of the line.
    assert all(isinstance(line[metric["Name"]], int | float) for metric in directive["Metrics"])
    assert directive["Dimensions"] == [["FunctionName"]]


@pytest.mark.parametrize(
    ("behaviour", "reason"), [({"hang_up": True}, "disconnected"), ({"seconds": 0.8}, "deadline"), ({}, "error")]
)
async def test_the_line_of_a_stream_says_why_it_ended(api, serving, capsys, behaviour, reason):
    async def app(_scope, receive, send):
        await send({**START, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"event: hello\ndata: 1\n\n", "more_body": True})
        if reason == "error":
            raise ValueError("midway")
        await (receive_all(receive) if reason == "disconnected" else asyncio.Event().wait())

    async def receive_all(receive):
        while (await receive())["type"] != "http.disconnect":
            pass

    async with serving(app):
        await api.invoke(payload(), **behaviour).ended()
        assert (await report(capsys))["endReason"] == reason


async def test_a_stream_that_a_stop_ended_says_so(api, serving, function, capsys):
    async with serving(function) as stop:
        stream = api.invoke(payload(query="interval=60"))
        await stream.wait_for(b"event: hello")
        stop.set()
        assert (await report(capsys))["endReason"] == "stopped"


async def test_a_response_that_is_no_stream_leaves_no_line(api, serving, function, capsys):
    async with serving(function):
        await require_service(api)
        await require_service(api)
    assert capsys.readouterr().out == ""


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


async def test_a_stream_that_nobody_reads_any_more_closes_its_source(api, serving, function, monkeypatch):
    closed = asyncio.Event()

    async def source(*_):
        try:
            yield Event("hello", "")
            await asyncio.Event().wait()
        finally:
            closed.set()

    monkeypatch.setattr("sse_streaming.heartbeat.events", source)
    async with serving(function):
        await api.invoke(payload(), hang_up=True).ended()
        async with asyncio.timeout(5):
            await closed.wait()


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
