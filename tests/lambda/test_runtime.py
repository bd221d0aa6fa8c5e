"""The Runtime API loop against an API that refuses what it was not told to expect."""

import asyncio
import json
from base64 import b64decode

import broken_apps
import function_url
import pytest

from sse_streaming import runtime_api

pytestmark = pytest.mark.anyio
START = broken_apps.START


async def test_an_event_is_sent_before_the_app_has_made_the_next_one(api, serving):
    seen = asyncio.Event()

    async def app(_scope, _receive, send):
        await send(START)
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await seen.wait()
        await send({"type": "http.response.body", "body": b"last"})

    async with serving(app):
        call = api.invoke(function_url.event())
        await call.sees(b"first")
        assert b"last" not in call.body
        seen.set()
        assert function_url.answer((await call.ended()).body).body == b"firstlast"


async def test_the_response_is_a_streamed_http_integration_response(api, serving, function):
    async with serving(function):
        call = await api.invoke(function_url.event(query="events=3&interval=0.05")).ended()
    assert call.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert call.headers["transfer-encoding"] == "chunked"
    assert call.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    answer = function_url.answer(call.body)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    assert [kind for kind, _ in function_url.events(answer.body)] == ["hello", "heartbeat", "heartbeat"]
    assert call.trailers == {}


async def test_an_event_that_comes_in_chunks_is_understood(api, serving, function):
    long = function_url.event(path="/api/v2/stream/status", headers={"x-long": "x" * 5000})
    async with serving(function):
        call = await api.invoke(long, chunked=True).ended()
    assert function_url.answer(call.body).status == 200


async def test_the_request_body_reaches_the_app(api, serving):
    async def echo(_scope, receive, send):
        await send(START)
        await send({"type": "http.response.body", "body": (await receive())["body"]})

    async with serving(echo):
        call = await api.invoke(function_url.event(method="POST", body=b"\0\xff")).ended()
    assert call.body.endswith(b"\0\xff")


@pytest.mark.parametrize("app", [broken_apps.fails_midway, broken_apps.forgets_to_end])
async def test_a_failure_midway_ends_the_body_and_is_told_in_trailers(api, serving, app):
    async with serving(app):
        call = await api.invoke(function_url.event()).ended()
        assert (await api.invoke(function_url.event()).ended()).kind == "response"
    assert function_url.answer(call.body).body == b"first"
    kind = call.trailers["lambda-runtime-function-error-type"]
    told = json.loads(b64decode(call.trailers["lambda-runtime-function-error-body"]))
    assert function_url.ALLOWED_ERROR_TYPE.fullmatch(kind)
    assert told["errorType"] == kind
    assert sum(map(len, call.trailers.values())) < 8192


@pytest.mark.parametrize(
    ("app", "kind"),
    [
        (broken_apps.fails_before_its_response, "Function.KeyError"),
        (broken_apps.forgets_to_answer, "Function.RuntimeError"),
    ],
)
async def test_a_failure_before_the_response_goes_to_error(api, serving, app, kind):
    async with serving(app):
        call = await api.invoke(function_url.event()).ended()
    assert call.kind == "error"
    assert call.headers["lambda-runtime-function-error-type"] == kind
    assert json.loads(call.body)["errorType"] == kind


async def test_an_event_of_unknown_shape_goes_to_error_and_the_next_is_served(api, serving, function):
    async with serving(function):
        call = await api.invoke({"Records": []}).ended()
        assert call.kind == "error"
        assert json.loads(call.body)["errorType"] == "Function.UnknownEventError"
        assert await function_url.answers_next(api)


async def test_a_failure_after_the_response_is_not_reported_to_lambda(api, serving):
    async with serving(broken_apps.fails_after_its_response):
        call = await api.invoke(function_url.event()).ended()
        assert (await api.invoke(function_url.event()).ended()).kind == "response"
    assert (call.kind, call.trailers) == ("response", {})


async def test_a_failure_that_the_app_answers_with_500_is_not_reported_twice(api, serving, function, monkeypatch):
    monkeypatch.setattr("sse_streaming.source.events", lambda *_: 1 / 0)
    async with serving(function):
        call = await api.invoke(function_url.event()).ended()
        assert await function_url.answers_next(api)
    answer = function_url.answer(call.body)
    assert (answer.status, json.loads(answer.body)) == (500, {"error": "Internal Server Error"})


async def test_a_busy_app_is_stopped_before_the_deadline(api, serving):
    async def never_ends(_scope, _receive, send):
        await send(START)
        await asyncio.Event().wait()

    async with serving(never_ends):
        call = await api.invoke(function_url.event(), seconds=0.8).ended()
    assert call.trailers["lambda-runtime-function-error-type"] == "Function.TimeoutError"


async def test_a_stream_ends_by_itself_before_the_deadline(api, serving, function):
    async with serving(function):
        call = await api.invoke(function_url.event(), seconds=5.4).ended()
    assert call.body.endswith(b"\n\nretry: 1000\n\n")
    assert b"heartbeat" in call.body
    assert call.trailers == {}


@pytest.mark.parametrize("behaviour", [{"hang_up": True}, {"answer_early": 413}])
async def test_an_app_is_stopped_when_nobody_reads_its_response(api, serving, function, behaviour):
    async with serving(function):
        await api.invoke(function_url.event(query="interval=60"), **behaviour).ended()
        assert await function_url.answers_next(api)


@pytest.mark.parametrize("behaviour", [{"hang_up": True}, {"answer_early": 413}, {"answer_early": 202}])
async def test_send_fails_when_nobody_reads_the_response(api, serving, behaviour):
    failed = asyncio.get_running_loop().create_future()

    async def app(_scope, _receive, send):
        await send(START)
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
                await asyncio.sleep(0)
        except OSError as error:
            failed.set_result(error)

    async with serving(app):
        await api.invoke(function_url.event(), **behaviour).ended()
        assert isinstance(await asyncio.wait_for(failed, 5), OSError)


async def test_an_api_that_never_confirms_a_response_does_not_hold_the_runtime(api, serving, function, monkeypatch):
    monkeypatch.setattr(runtime_api, "REPLY_SECONDS", 0.1)
    async with serving(function):
        await api.invoke(function_url.event(path="/api/v2/stream/status"), silent=True).ended()
        assert await function_url.answers_next(api)
