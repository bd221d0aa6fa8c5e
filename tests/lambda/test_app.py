"""The function's routes answer real HTTP requests."""

import http.client
import json
import time

import pytest
from support import function_url

IDENTITY = {"version": "7"}


def request(port, target, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, target)
    response = connection.getresponse()
    return response, response.read()


def test_a_stream_begins_with_hello_which_names_the_version(local_port):
    _, body = request(local_port, "/api/v2/stream?events=1")
    assert function_url.events(body) == [("hello", IDENTITY)]


def test_numbered_heartbeats_follow_until_the_requested_number_of_events_is_sent(local_port):
    response, body = request(local_port, "/api/v2/stream?events=4&interval=0.05")
    assert response.status == 200
    assert function_url.event_types(body) == ["hello", "heartbeat", "heartbeat", "heartbeat"]
    assert [data["sequence"] for _, data in function_url.events(body)[1:]] == [1, 2, 3]


def test_a_stream_ends_with_retry_and_its_events_have_no_id(local_port):
    _, body = request(local_port, "/api/v2/stream?events=3")
    assert body.endswith(b"\n\nretry: 1000\n\n")
    assert b"id:" not in body


def test_the_headers_of_a_stream_forbid_proxies_to_buffer_it(local_port):
    response, _ = request(local_port, "/api/v2/stream?events=1")
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["x-accel-buffering"] == "no"
    assert "no-transform" in response.headers["cache-control"]


def test_the_interval_parameter_sets_the_time_between_events(local_port):
    start = time.monotonic()
    request(local_port, "/api/v2/stream?events=3&interval=0.2")
    assert time.monotonic() - start >= 0.4


@pytest.mark.parametrize(
    "query", ["events=0", "events=1001", "events=-1", "events=x", "events=", "events=1.5", "events=%D9%A3"]
)
def test_a_malformed_number_of_events_is_refused_with_the_allowed_values(local_port, query):
    response, body = request(local_port, f"/api/v2/stream?{query}")
    assert response.status == 400
    assert all(part in json.loads(body)["error"] for part in ("events", "1 to 1000", "try: ?events=3"))


@pytest.mark.parametrize("query", ["interval=0.04", "interval=60.1", "interval=nan", "interval=", "interval=1e1"])
def test_a_malformed_interval_is_refused_with_the_allowed_values(local_port, query):
    response, body = request(local_port, f"/api/v2/stream?{query}")
    assert response.status == 400
    assert all(part in json.loads(body)["error"] for part in ("interval", "0.05 to 60.0 seconds", "try: ?interval=1"))


def test_the_status_names_the_version_its_uptime_and_the_heartbeat(local_port):
    response, body = request(local_port, "/api/v2/stream/status")
    status = json.loads(body)
    assert response.status == 200
    assert status.pop("uptime_seconds") >= 0
    assert status == IDENTITY | {"heartbeat_seconds": 0.05}


@pytest.mark.parametrize("path", ["/", "/api/v2", "/api/v2/stream/", "/api/v2/stream/nothing", "/api/v1/stream"])
def test_every_other_path_is_not_found(local_port, path):
    response, body = request(local_port, path)
    assert (response.status, json.loads(body)) == (404, {"error": "Not Found"})


def test_a_method_without_a_route_is_refused_in_json(local_port):
    response, body = request(local_port, "/api/v2/stream", method="POST")
    assert (response.status, json.loads(body)) == (405, {"error": "Method Not Allowed"})
