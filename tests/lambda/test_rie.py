"""The function as Lambda would run it: AWS's own Runtime Interface Emulator starts it and invokes it."""

import json
from base64 import b64decode
from datetime import datetime

import function_url
import pytest
from relay import relay
from rie import emulator, free_address


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The function, ready for many invocations."""
    with emulator(tmp_path_factory.mktemp("rie") / "log", COMMIT="0123abc", IMAGE_DIGEST="sha256:feed") as running:
        yield running


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def test_the_stream_comes_back_as_prelude_and_events(shipped):
    _, _, raw = shipped.invoke(function_url.event(query="events=3&interval=0.05"))
    answer = function_url.answer(raw)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    kinds = [kind for kind, _ in function_url.events(answer.body)]
    assert kinds == ["hello", "heartbeat", "heartbeat"]
    assert answer.body.endswith(b"\n\nretry: 1000\n\n")


def test_one_process_serves_many_invocations(shipped):
    ask = function_url.event(path="/api/v2/stream/status")
    first, second = (json.loads(function_url.answer(shipped.invoke(ask)[2]).body) for _ in range(2))
    assert (first["commit"], first["digest"], first["version"]) == ("0123abc", "sha256:feed", "$LATEST")
    assert second["uptime_seconds"] > first["uptime_seconds"]


def test_an_event_of_more_than_two_kilobytes_is_understood(shipped):
    long = function_url.event(path="/nowhere", headers={"x-long": "x" * 8000})
    assert function_url.answer(shipped.invoke(long)[2]).status == 404


def test_an_event_of_unknown_shape_is_a_function_error_and_the_next_is_served(shipped):
    error = json.loads(shipped.invoke({"Records": []})[2])
    assert error["errorType"] == "Function.UnknownEventError"
    assert function_url.answer(shipped.invoke(function_url.event(query="events=1"))[2]).status == 200


def test_events_leave_as_they_come_and_the_emulator_accepts_them(log):
    api = free_address()
    with relay(api) as between, emulator(log, runtime_api=api, RELAY=between.address) as running:
        raw = running.invoke(function_url.event(query="events=3&interval=0.3"))[2]
        passage = between.response()
    _, last = function_url.events(function_url.answer(raw).body)[-1]
    assert passage.passed(b"event: hello") < datetime.fromisoformat(last["time"])
    assert passage.sent.endswith(b"0\r\n\r\n")
    assert passage.reply.startswith(b"HTTP/1.1 202 ")


def test_a_failure_midway_ends_in_trailers_that_the_emulator_accepts_and_the_next_is_served(log):
    api = free_address()
    with relay(api) as between, emulator(log, "fails_midway", runtime_api=api, RELAY=between.address) as running:
        assert function_url.answer(running.invoke(function_url.event())[2]).body == b"first"
        passage = between.response()
        assert function_url.answer(running.invoke(function_url.event())[2]).body == b"first"
    trailers = dict(line.split(b": ") for line in passage.sent.split(b"\r\n0\r\n")[1].strip().split(b"\r\n"))
    assert trailers[b"Lambda-Runtime-Function-Error-Type"] == b"Function.ValueError"
    assert b"midway" in b64decode(trailers[b"Lambda-Runtime-Function-Error-Body"])
    assert passage.reply.startswith(b"HTTP/1.1 202 ")


def test_a_failure_before_the_response_is_the_functions_error(log):
    with emulator(log, "fails_before_its_response") as running:
        error = json.loads(running.invoke(function_url.event())[2])
        assert (error["errorType"], error["errorMessage"]) == ("Function.KeyError", "'before'")
        assert "KeyError: 'before'" in running.log


def test_a_stream_ends_by_itself_before_the_functions_timeout(log):
    with emulator(log, AWS_LAMBDA_FUNCTION_TIMEOUT="6", HEARTBEAT_SECONDS="0.2") as running:
        raw = running.invoke(function_url.event())[2]
    assert b"event: heartbeat" in raw
    assert raw.endswith(b"\n\nretry: 1000\n\n")


def test_a_function_that_cannot_start_says_why(log):
    with emulator(log, HEARTBEAT_SECONDS="soon") as running:
        status, _, raw = running.invoke(function_url.event())
    assert status == 502
    assert json.loads(raw)["errorType"] == "Function.SettingsError"
    assert "try: HEARTBEAT_SECONDS=15" in json.loads(raw)["errorMessage"]
