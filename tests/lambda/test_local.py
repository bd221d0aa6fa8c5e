"""Outside Lambda the function serves an emulator's invoke route, and SIGTERM ends its process."""

import http.client
import json
import signal
from datetime import UTC, datetime

from support import function_url
from support.function import process
from support.waiting import until

from sse_streaming import local


def invoke(port, payload):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("POST", function_url.INVOKE_PATH, json.dumps(payload))
    return connection.getresponse()


def test_the_invoke_route_answers_with_prelude_nuls_and_body(local_port):
    raw = invoke(local_port, function_url.payload(query="events=2&interval=0.05")).read()
    response = function_url.response(raw)
    assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")
    assert function_url.event_types(response.body) == ["hello", "heartbeat"]


def test_the_invoke_route_streams_events(local_port):
    answer = invoke(local_port, function_url.payload(query="events=3&interval=0.3"))
    raw = b""
    while b"hello" not in raw:
        raw += answer.read1()
    hello_arrived = datetime.now(UTC)
    _, last = function_url.events(function_url.response(raw + answer.read()).body)[-1]
    assert hello_arrived < datetime.fromisoformat(last["time"])


def test_the_invoke_route_answers_200_and_the_prelude_holds_the_status(local_port):
    answer = invoke(local_port, function_url.payload(path="/nowhere"))
    assert answer.status == 200
    assert function_url.response(answer.read()).status == 404


def test_a_head_request_opens_no_stream(local_port):
    response = function_url.response(invoke(local_port, function_url.payload(method="HEAD")).read())
    assert (response.status, response.headers["content-type"], response.body) == (200, "text/event-stream", b"")


def test_a_payload_of_unknown_format_is_a_function_error(local_port):
    answer = invoke(local_port, {"hello": "world"})
    assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
    assert json.loads(answer.read())["errorType"] == "Function.UnknownEventError"


def test_sigterm_ends_the_server_and_its_open_streams_at_once():
    port = process.free_port()
    code = f"from sse_streaming import app, local, settings; local.serve(app.create(settings.load({{}})), 60, {port})"
    with process.python("-c", code) as server:
        stream = until(lambda: open_stream(port), 10, "a connection")
        assert stream.read1().startswith(b"event: hello")
        server.send_signal(signal.SIGTERM)
        assert (server.wait(2), server.stderr.read()) == (0, b"")


def open_stream(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api/v2/stream")
    except ConnectionRefusedError:
        return None
    return connection.getresponse()


def test_the_server_listens_at_the_port_and_path_that_lambda_emulators_use():
    assert (local.PORT, local.INVOKE_PATH) == (8080, function_url.INVOKE_PATH)
