"""Verification calls the published version through Lambda, by the health contract of its image."""

import json
import threading

import pytest
import urllib3
from support.aws import FakeAws, FakeLambda, chunk, healthy, hello, prelude, refusal
from support.build import CONTRACT
from support.clock import Clock
from support.world import VERSION

from delivery import health
from delivery.errors import CloudError, DeliveryError, UnhealthyError
from delivery.release.stream import Streamed
from delivery.release.verify import Answered, verify
from delivery.settings import Deadlines

DEFAULTS = Deadlines()


def contract(**document):
    return health.parse(json.dumps(document or CONTRACT))


HTTP = {"http": "/health", "expect": {"ok": True}}
INVOKE = {"invoke": {"Records": []}, "expect": {"handled": 0}}


@pytest.fixture
def _clock(monkeypatch):
    Clock(tick=0.3).install(monkeypatch)


def aws(response=None, result=None):
    functions = FakeLambda()
    functions.responses["2"] = response
    functions.results["2"] = result
    return FakeAws(functions=functions)


def failure(fake, kind=UnhealthyError, deadlines=DEFAULTS, **document):
    with pytest.raises(kind) as caught:
        verify(fake, VERSION, contract(**document), deadlines)
    return caught.value


def sent(fake):
    ((name, given),) = fake.functions.calls
    assert (given["FunctionName"], given["Qualifier"]) == ("fn", "2"), "the published version and not the alias"
    return name, json.loads(given["Payload"])


@pytest.mark.usefixtures("_clock")
def test_a_stream_is_requested_as_its_function_url_would():
    fake = aws(healthy())
    assert isinstance(verify(fake, VERSION, contract(), Deadlines(first_event=9)), Streamed)
    name, event = sent(fake)
    assert name == "invoke_with_response_stream"
    assert (event["version"], event["rawPath"]) == ("2.0", "/api/v2/stream")
    assert event["queryStringParameters"] == {"events": "3", "interval": "0.1"}
    assert event["headers"]["accept"] == "text/event-stream"
    assert fake.silences == [9], "seconds without a byte before the client gives up"


@pytest.mark.usefixtures("_clock")
def test_an_http_function_is_requested_as_its_function_url_would():
    fake = aws(result=(b'{"statusCode": 200, "body": "{\\"ok\\": true}"}', ""))
    answered = verify(fake, VERSION, contract(**HTTP), DEFAULTS)
    assert isinstance(answered, Answered)
    assert answered.request == "GET /health"
    name, event = sent(fake)
    assert name == "invoke"
    assert (event["rawPath"], event["requestContext"]["http"]["method"]) == ("/health", "GET")


@pytest.mark.usefixtures("_clock")
def test_an_event_function_gets_the_event_of_its_contract():
    fake = aws(result=(b'{"handled": 0, "at": 1}', ""))
    assert verify(fake, VERSION, contract(**INVOKE), DEFAULTS).request == 'the event {"Records": []}'
    assert sent(fake) == ("invoke", {"Records": []})


@pytest.mark.usefixtures("_clock")
def test_a_function_without_an_expectation_only_has_to_handle_the_event():
    assert verify(aws(result=(b"null", "")), VERSION, contract(invoke={}), DEFAULTS).seconds > 0


def test_a_function_that_must_not_be_called_is_not_called():
    fake = aws()
    assert verify(fake, VERSION, contract(none="it deletes"), DEFAULTS).reason == "it deletes"
    assert fake.functions.calls == []


def test_an_unhealthy_stream_is_reported_with_the_request_and_the_next_step():
    error = failure(aws([chunk(prelude(500) + b"no table"), {"InvokeComplete": {}}]))
    assert str(error) == (
        "Version 2 of fn is not healthy: it answered 500, not 200.\n"
        "  Asked: GET /api/v2/stream?events=3&interval=0.1\n"
        "  no table\n"
        "  try: read its log, correct the function, then `invoke deploy --env sandbox`"
    )


@pytest.mark.parametrize(
    ("document", "result", "what", "why"),
    [
        (HTTP, b'{"statusCode": 503, "body": "down"}', "it answered 503, not 200.", "Came: 503 down"),
        (HTTP, b'{"statusCode": 200, "body": "{}"}', "has not what is expected", "Came: 200 {}"),
        (HTTP, b"<html>", "it sent no answer", "Came: <html>"),
        (HTTP, b"[" * 100_000, "it sent no answer", "Came: [[["),
        (INVOKE, b"[" * 100_000, "it sent no answer", "Came: [[["),
        (INVOKE, b"handled", "it sent no answer", "Came: handled"),
        (HTTP, b"", "it sent no answer", "Expected: status 200"),
        ({"http": "/", "status": 204}, b'{"statusCode": 200}', "it answered 200, not 204.", "Expected: status 204"),
        (INVOKE, b'{"handled": 1}', "has not what is expected", 'Expected: {"handled": 0}\nCame: {"handled": 1}'),
        (INVOKE, b"null", "has not what is expected", "Came: null"),
    ],
)
def test_another_answer_is_reported_with_what_was_asked_what_was_expected_and_what_came(document, result, what, why):
    error = failure(aws(result=(result, "")), **document)
    assert error.what.startswith("Version 2 of fn is not healthy: ")
    assert what in error.what
    assert why in error.why
    assert error.why.startswith(f"Asked: {contract(**document).request}\n")
    assert "invoke deploy --env sandbox" in error.hint


def test_a_long_answer_is_cut_off():
    body = json.dumps({"statusCode": 500, "body": "x" * 100_000}).encode()
    assert len(str(failure(aws(result=(body, "")), **HTTP))) < 700


@pytest.mark.parametrize("document", [HTTP, INVOKE])
def test_a_function_error_is_reported_with_its_type_and_text(document):
    text = b'{"errorType": "KeyError", "errorMessage": "no TABLE", "stackTrace": []}'
    error = failure(aws(result=(text, "Unhandled")), **document)
    assert error.what == "Version 2 of fn is not healthy: Version 2 of fn failed: KeyError"
    assert "no TABLE" in error.why


def test_a_function_error_without_a_form_is_reported_as_it_is():
    error = failure(aws(result=(b"killed", "Unhandled")), **INVOKE)
    assert "failed: Unhandled" in error.what
    assert "killed" in error.why


def test_an_answer_that_does_not_come_is_reported_with_the_deadline_of_the_contract():
    release, fake = threading.Event(), aws(result=(b"{}", ""))
    fake.functions.invoke = lambda **_: release.wait(10) and {"StatusCode": 200}
    try:
        error = failure(fake, invoke={}, deadline=0.02)
    finally:
        release.set()
    assert "no answer came within 0.02 s." in error.what


def test_a_version_that_crashes_is_reported_with_the_text_of_lambda():
    details = '{"errorMessage": "RequestId: 1 Error: Runtime exited with error: exit status 1"}'
    error = failure(aws([{"InvokeComplete": {"ErrorCode": "Runtime.ExitError", "ErrorDetails": details}}]))
    assert "Runtime.ExitError" in error.what
    assert details in error.why


def test_a_stream_that_fails_in_the_middle_is_unhealthy():
    parts = [chunk(prelude()), chunk(hello()), {"InvokeComplete": {"ErrorCode": "Unhandled"}}]
    assert "Unhandled" in failure(aws(parts)).what


@pytest.mark.parametrize(
    ("operation", "document"), [("invoke_with_response_stream", CONTRACT), ("invoke", HTTP), ("invoke", INVOKE)]
)
def test_a_refusal_of_lambda_is_a_cloud_error_and_not_an_unhealthy_version(operation, document):
    fake = aws([], (b"", ""))
    fake.functions.refuses[operation] = refusal("TooManyRequestsException")
    assert "fn:2" in failure(fake, CloudError, **document).what


def test_the_deadline_holds_while_a_read_blocks():
    release = threading.Event()

    def blocked():
        release.wait(10)
        yield from healthy()  # no error after the end of the test, which messages.txt would have or not

    try:
        error = failure(aws(blocked()), deadlines=Deadlines(first_event=0.02))
    finally:
        release.set()
    assert "event 1 did not come within 0.02 s." in error.what


def test_a_connection_that_breaks_in_the_middle_is_reported():
    def broken():
        yield chunk(prelude())
        raise urllib3.exceptions.ProtocolError("Connection broken: IncompleteRead(12 bytes read)")

    assert failure(aws(broken()), DeliveryError).exit_code in (7, 8)
