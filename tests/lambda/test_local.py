"""Outside Lambda: the emulator's invoke route, and the end of the process."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime

import function_url
from rie import SOURCES

from sse_streaming import local


def invoke(port, event):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("POST", local.INVOKE_PATH, json.dumps(event))
    return connection.getresponse()


def test_the_invoke_route_answers_with_prelude_nuls_and_body(local_port):
    raw = invoke(local_port, function_url.event(query="events=2&interval=0.05")).read()
    answer = function_url.answer(raw)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    assert [kind for kind, _ in function_url.events(answer.body)] == ["hello", "heartbeat"]


def test_the_invoke_route_passes_events_on_as_they_come(local_port):
    response = invoke(local_port, function_url.event(query="events=3&interval=0.3"))
    raw = b""
    while b"hello" not in raw:
        raw += response.read1()
    hello_read = datetime.now(UTC)
    _, last = function_url.events(function_url.answer(raw + response.read()).body)[-1]
    assert hello_read < datetime.fromisoformat(last["time"])


def test_a_status_other_than_200_travels_in_the_prelude(local_port):
    response = invoke(local_port, function_url.event(path="/nowhere"))
    assert response.status == 200
    assert function_url.answer(response.read()).status == 404


def test_asking_for_the_head_alone_opens_no_stream(local_port):
    answer = function_url.answer(invoke(local_port, function_url.event(method="HEAD")).read())
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "text/event-stream", b"")


def test_an_event_of_unknown_shape_is_a_function_error(local_port):
    response = invoke(local_port, {"hello": "world"})
    assert (response.status, response.headers["x-amz-function-error"]) == (200, "Unhandled")
    assert json.loads(response.read())["errorType"] == "Function.UnknownEventError"


def test_sigterm_ends_the_server_at_once_and_open_streams_with_it():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = f"from sse_streaming import app, local, settings; local.serve(app.create(settings.load({{}})), 60, {port})"
    environment = os.environ | {"PYTHONPATH": str(SOURCES)}
    server = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE)
    try:
        stream = open_when_ready(port, "/api/v2/stream")
        assert stream.read1().startswith(b"event: hello")
        server.send_signal(signal.SIGTERM)
        assert server.wait(2) == 0
        assert server.stderr.read() == b""
    finally:
        server.kill()
        server.wait()
        server.stderr.close()


def open_when_ready(port, path, patience=10.0):
    deadline = time.monotonic() + patience
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, f"nothing listens on {port}"
            time.sleep(0.02)
