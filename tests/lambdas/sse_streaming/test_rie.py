"""AWS's own Runtime Interface Emulator starts the function and invokes it, as Lambda would."""

import json
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from support.function.process import free_address
from support.function.relay import relay_to
from support.function.rie import as_root, emulator, managed_emulator
from support.function_url import event_types, events, payload, response
from support.waiting import until


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """An emulator that serves the function for several tests."""
    with emulator(tmp_path_factory.mktemp("rie") / "log") as started:
        yield started


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def test_a_stream_comes_back_as_prelude_and_events(running):
    _, raw = running.invoke(payload(query="events=3&interval=0.05"))
    streamed = response(raw)
    assert (streamed.status, streamed.headers["content-type"]) == (200, "text/event-stream")
    assert event_types(streamed.body) == ["hello", "heartbeat", "heartbeat"]
    assert streamed.body.endswith(b"\n\nretry: 1000\n\n")


def test_one_process_serves_many_invocations(running):
    status = payload(path="/api/v2/stream/status")
    first, second = (json.loads(response(running.invoke(status)[1]).body) for _ in range(2))
    assert first["version"] == "$LATEST"
    assert second["uptime_seconds"] > first["uptime_seconds"]


def test_a_payload_of_more_than_two_kilobytes_is_parsed(running):
    """The emulator sends such a payload in chunks."""
    long = payload(path="/nowhere", headers={"x-long": "x" * 8000})
    assert response(running.invoke(long)[1]).status == 404


def test_a_payload_of_unknown_format_is_a_function_error_and_the_next_invocation_is_served(running):
    error = json.loads(running.invoke({"Records": []})[1])
    assert error["errorType"] == "Function.UnknownEventError"
    assert response(running.invoke(payload(query="events=1"))[1]).status == 200


def test_the_runtime_streams_events_and_the_emulator_accepts_the_response(log):
    api = free_address()
    with relay_to(api) as relay, emulator(log, runtime_api=api, RELAY=relay.address) as started:
        raw = started.invoke(payload(query="events=3&interval=0.3"))[1]
        connection = relay.response()
    _, last = events(response(raw).body)[-1]
    assert connection.time_of(b"event: hello") < datetime.fromisoformat(last["time"])
    assert connection.request.endswith(b"0\r\n\r\n")
    assert connection.reply.startswith(b"HTTP/1.1 202 ")


def test_an_error_midway_ends_in_trailers_that_the_emulator_accepts_and_the_next_invocation_is_served(log):
    api = free_address()
    with relay_to(api) as relay, emulator(log, "raises_midway", runtime_api=api, RELAY=relay.address) as started:
        assert response(started.invoke(payload())[1]).body == b"first"
        connection = relay.response()
        assert response(started.invoke(payload())[1]).body == b"first"
    trailers = dict(line.split(b": ") for line in connection.request.split(b"\r\n0\r\n")[1].strip().split(b"\r\n"))
    assert trailers[b"Lambda-Runtime-Function-Error-Type"] == b"Function.ValueError"
    assert b"midway" in b64decode(trailers[b"Lambda-Runtime-Function-Error-Body"])
    assert connection.reply.startswith(b"HTTP/1.1 202 ")


def test_an_error_before_the_response_is_a_function_error_and_is_logged(log):
    with emulator(log, "raises_before_the_response") as started:
        error = json.loads(started.invoke(payload())[1])
        assert (error["errorType"], error["errorMessage"]) == ("Function.KeyError", "'before'")
        assert "KeyError: 'before'" in started.log


def test_a_stream_ends_before_the_functions_timeout(log):
    with emulator(log, AWS_LAMBDA_FUNCTION_TIMEOUT="8", HEARTBEAT_SECONDS="0.1") as started:
        # The start of the function is no part of the time of the stream.
        started.invoke(payload(path="/api/v2/stream/status"))
        raw = started.invoke(payload())[1]
    assert b"event: heartbeat" in raw
    assert raw.endswith(b"\n\nretry: 1000\n\n")


@pytest.mark.skipif(as_root() is None, reason="Managed Instances: the emulator needs root, or sudo without a password")
def test_on_managed_instances_one_process_serves_several_streams_at_the_same_time(log):
    """The emulator gives each stream to a loop that waits; with one loop, it always refuses five of these six."""
    answers = []

    def all_served():
        answers[:] = clients.map(lambda _: started.invoke(payload(query="events=3&interval=0.5")), range(6))
        return not any(b"Runtime.Unavailable" in raw for _, raw in answers)  # a loop does not wait yet

    with managed_emulator(log, 6, AWS_LAMBDA_FUNCTION_TIMEOUT="30") as started, ThreadPoolExecutor(6) as clients:
        until(all_served, 30, "six loops that wait")
    assert [event_types(response(raw).body) for _, raw in answers] == [["hello", "heartbeat", "heartbeat"]] * 6
    spans = [(first["time"], last["time"]) for first, last in (heartbeats(raw) for _, raw in answers)]
    assert max(begin for begin, _ in spans) < min(end for _, end in spans)


def heartbeats(raw):
    return [data for name, data in events(response(raw).body) if name == "heartbeat"]


def test_a_function_that_cannot_start_reports_the_reason(log):
    with emulator(log, HEARTBEAT_SECONDS="soon") as started:
        status, raw = started.invoke(payload())
    assert status == 502
    assert json.loads(raw)["errorType"] == "Function.SettingsError"
    assert "try: HEARTBEAT_SECONDS=15" in json.loads(raw)["errorMessage"]
