"""The function's routes answer the requests of its Function URL."""

import asyncio
import json
import time

import pytest
from support import function_url
from support.function.answers import answer_of

from sse_streaming import app, settings
from sse_streaming.sse import Event

IDENTITY = {"version": "7"}


def test_a_stream_begins_with_hello_which_names_the_version(request_to):
    body = request_to("/api/v2/stream?events=1").body
    assert function_url.events(body) == [("hello", IDENTITY)]


def test_numbered_heartbeats_follow_until_the_requested_number_of_events_is_sent(request_to):
    response = request_to("/api/v2/stream?events=4&interval=0.05")
    assert response.status == 200
    assert function_url.event_types(response.body) == ["hello", "heartbeat", "heartbeat", "heartbeat"]
    assert [data["sequence"] for _, data in function_url.events(response.body)[1:]] == [1, 2, 3]


def test_a_stream_begins_and_ends_with_retry_and_its_events_have_no_id(request_to):
    body = request_to("/api/v2/stream?events=3").body
    assert body.startswith(b"retry: 1000\n\nevent: hello\n")
    assert body.endswith(b"\n\nretry: 1000\n\n")
    assert b"id:" not in body


def test_the_headers_of_a_stream_forbid_proxies_to_buffer_it(request_to):
    response = request_to("/api/v2/stream?events=1")
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["x-accel-buffering"] == "no"
    assert "no-transform" in response.headers["cache-control"]


def test_the_interval_parameter_sets_the_time_between_events(request_to):
    start = time.monotonic()
    request_to("/api/v2/stream?events=3&interval=0.2")
    assert time.monotonic() - start >= 0.4


@pytest.mark.parametrize(
    "query", ["events=0", "events=1001", "events=-1", "events=x", "events=", "events=1.5", "events=%D9%A3"]
)
def test_a_malformed_number_of_events_is_refused_with_the_allowed_values(request_to, query):
    response = request_to(f"/api/v2/stream?{query}")
    assert response.status == 400
    assert all(part in json.loads(response.body)["error"] for part in ("events", "1 to 1000", "try: ?events=3"))


@pytest.mark.parametrize("query", ["interval=0.04", "interval=60.1", "interval=nan", "interval=", "interval=1e1"])
def test_a_malformed_interval_is_refused_with_the_allowed_values(request_to, query):
    response = request_to(f"/api/v2/stream?{query}")
    assert response.status == 400
    assert all(
        part in json.loads(response.body)["error"] for part in ("interval", "0.05 to 60.0 seconds", "try: ?interval=1")
    )


def test_the_status_names_the_version_its_uptime_and_the_heartbeat(request_to):
    response = request_to("/api/v2/stream/status")
    status = json.loads(response.body)
    assert response.status == 200
    assert status.pop("uptime_seconds") >= 0
    assert status == IDENTITY | {"heartbeat_seconds": 0.05}


@pytest.mark.parametrize(
    "path", ["/index.html", "/api/v2", "/api/v2/stream/", "/api/v2/stream/nothing", "/api/v1/stream"]
)
def test_every_other_path_is_not_found(request_to, path):
    response = request_to(path)
    assert (response.status, json.loads(response.body)) == (404, {"error": "Not Found"})


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "nonsense"])
def test_a_method_without_a_route_is_refused_in_json(request_to, method):
    response = request_to("/api/v2/stream", method=method)
    assert (response.status, json.loads(response.body)) == (405, {"error": "Method Not Allowed"})


def test_a_head_request_opens_no_stream(request_to):
    response = request_to("/api/v2/stream", method="HEAD")
    assert (response.status, response.headers["content-type"], response.body) == (200, "text/event-stream", b"")


@pytest.mark.parametrize(
    ("query", "headers", "last"),
    [
        ("", {}, None),
        ("&after=", {}, None),
        ("&after=41", {}, "41"),
        ("", {"last-event-id": "42"}, "42"),
        ("&after=41", {"last-event-id": "42"}, "42"),
    ],
)
def test_a_stream_begins_after_the_id_that_the_header_or_else_the_parameter_names(query, headers, last):
    """A browser that reconnects sends the header, with the parameter of its first request."""
    asked = []

    async def source(_interval, resumed):
        asked.append(resumed)
        yield Event("hello", "{}")

    served = app.create(settings.load({}), source)
    asyncio.run(answer_of(served, f"/api/v2/stream?events=1{query}", headers=headers))
    assert asked == [last]
