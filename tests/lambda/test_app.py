"""The routes, over real HTTP."""

import http.client
import json
import time

import function_url
import pytest


def get(port, target, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, target)
    response = connection.getresponse()
    return response, response.read()


def test_hello_comes_first_and_says_which_code_answers(local_port):
    _, body = get(local_port, "/api/v2/stream?events=1")
    identity = {"version": "7", "commit": "0123abc", "digest": "sha256:feed"}
    assert function_url.events(body) == [("hello", identity)]


def test_heartbeats_follow_in_sequence_until_the_events_asked_for_were_sent(local_port):
    response, body = get(local_port, "/api/v2/stream?events=4&interval=0.05")
    assert response.status == 200
    found = function_url.events(body)
    assert [kind for kind, _ in found] == ["hello", "heartbeat", "heartbeat", "heartbeat"]
    assert [data["sequence"] for _, data in found[1:]] == [1, 2, 3]


def test_the_stream_ends_with_retry_and_no_event_carries_an_id(local_port):
    _, body = get(local_port, "/api/v2/stream?events=3")
    assert body.endswith(b"\n\nretry: 1000\n\n")
    assert b"id:" not in body


def test_the_stream_is_declared_so_that_nobody_on_the_way_keeps_it_back(local_port):
    response, _ = get(local_port, "/api/v2/stream?events=1")
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["x-accel-buffering"] == "no"
    assert "no-transform" in response.headers["cache-control"]


def test_the_interval_is_the_callers_to_choose(local_port):
    began = time.monotonic()
    get(local_port, "/api/v2/stream?events=3&interval=0.2")
    assert time.monotonic() - began >= 0.4


@pytest.mark.parametrize(
    "query", ["events=0", "events=1001", "events=-1", "events=x", "events=", "events=1.5", "events=%D9%A3"]
)
def test_a_malformed_number_of_events_is_refused(local_port, query):
    response, body = get(local_port, f"/api/v2/stream?{query}")
    assert response.status == 400
    assert json.loads(body) == {"error": "events must be a whole number from 1 to 1000; try: ?events=3"}


@pytest.mark.parametrize("query", ["interval=0.04", "interval=60.1", "interval=nan", "interval=", "interval=1e1"])
def test_a_malformed_interval_is_refused(local_port, query):
    response, body = get(local_port, f"/api/v2/stream?{query}")
    assert response.status == 400
    assert json.loads(body) == {"error": "interval must be from 0.05 to 60.0 seconds; try: ?interval=1"}


def test_status_says_which_code_answers_and_since_when(local_port):
    response, body = get(local_port, "/api/v2/stream/status")
    told = json.loads(body)
    assert response.status == 200
    assert told.pop("uptime_seconds") >= 0
    assert told == {"version": "7", "commit": "0123abc", "digest": "sha256:feed", "heartbeat_seconds": 0.05}


@pytest.mark.parametrize("path", ["/", "/api/v2", "/api/v2/stream/", "/api/v2/stream/nothing", "/api/v1/stream"])
def test_every_other_path_is_not_found(local_port, path):
    response, body = get(local_port, path)
    assert (response.status, json.loads(body)) == (404, {"error": "Not Found"})


def test_a_method_that_a_route_does_not_have_is_refused_in_json(local_port):
    response, body = get(local_port, "/api/v2/stream", method="POST")
    assert (response.status, json.loads(body)) == (405, {"error": "Method Not Allowed"})
