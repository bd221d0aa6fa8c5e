"""Verification through Lambda: which version is opened, and what a failing function says."""

import json
import threading

import pytest
import urllib3
from support.aws import FakeAws, FakeLambda, chunk, healthy, hello, prelude, refusal
from support.build import DIGEST
from support.clock import Clock
from support.world import COMMIT, FUNCTION

from delivery.aws.function import Function
from delivery.errors import CloudError, DeliveryError, UnhealthyError
from delivery.release.verify import verify
from delivery.settings import Deadlines

DEADLINES = Deadlines()


def aws(response):
    functions = FakeLambda()
    functions.responses["2"] = response
    return FakeAws(functions=functions)


def refused(response, kind=UnhealthyError, deadlines=DEADLINES):
    with pytest.raises(kind) as caught:
        verify(aws(response), FUNCTION, COMMIT, deadlines)
    return caught.value


def test_the_published_version_is_opened_and_not_the_alias(monkeypatch):
    Clock(tick=0.3).install(monkeypatch)
    fake = aws(healthy())
    assert verify(fake, FUNCTION, COMMIT, Deadlines(first_event=9)).events == 4
    ((name, given),) = fake.functions.calls
    assert (name, given["FunctionName"], given["Qualifier"]) == ("invoke_with_response_stream", "fn", "2")


def test_a_short_finite_stream_is_asked_for_as_a_function_url_would(monkeypatch):
    Clock(tick=0.3).install(monkeypatch)
    fake = aws(healthy())
    verify(fake, FUNCTION, COMMIT, Deadlines(first_event=9))
    event = json.loads(fake.functions.calls[0][1]["Payload"])
    assert (event["version"], event["rawPath"]) == ("2.0", "/api/v2/stream")
    assert event["requestContext"]["http"]["method"] == "GET"
    assert event["queryStringParameters"] == {"events": "4", "interval": "0.3"}
    assert event["rawQueryString"] == "events=4&interval=0.3"
    assert fake.silences == [9], "seconds without a byte before the client gives up"


def test_a_refusal_names_the_version_and_says_what_to_do():
    error = refused([chunk(prelude(500)), {"InvokeComplete": {}}])
    assert str(error) == (
        "Version 2 of fn does not stream: it answered 500.\n"
        "  try: read its log, correct the function, then deploy again"
    )


def test_a_version_that_crashes_is_reported_with_the_text_of_lambda():
    details = '{"errorMessage": "RequestId: 1 Error: Runtime exited with error: exit status 1"}'
    error = refused([{"InvokeComplete": {"ErrorCode": "Runtime.ExitError", "ErrorDetails": details}}])
    assert "Runtime.ExitError" in error.what
    assert error.why == details


def test_a_stream_that_fails_in_the_middle_is_no_success():
    parts = [chunk(prelude()), chunk(hello()), {"InvokeComplete": {"ErrorCode": "Unhandled"}}]
    assert "Unhandled" in refused(parts).what


def test_a_refusal_of_lambda_itself_is_no_verdict_on_the_version():
    fake = aws([])
    fake.functions.refuses["invoke_with_response_stream"] = refusal("TooManyRequestsException")
    with pytest.raises(CloudError, match="open the stream of fn:2"):
        verify(fake, FUNCTION, COMMIT, Deadlines(first_event=9))


def test_the_deadline_holds_while_a_read_blocks():
    release = threading.Event()

    def blocked():
        release.wait(10)
        yield chunk(prelude())

    try:
        error = refused(blocked(), deadlines=Deadlines(first_event=0.02))
    finally:
        release.set()
    assert "event 1 did not come within 0.02 s." in error.what


def test_a_version_that_serves_another_build_is_refused(monkeypatch):
    Clock(tick=0.3).install(monkeypatch)
    assert "`hello` names the commit" in refused(healthy(commit="e" * 40)).what


def test_a_function_is_described_by_terraform_s_output():
    assert FUNCTION.digest == DIGEST
    assert FUNCTION.stream_url == "https://x.lambda-url.test/api/v2/stream"
    assert Function("", "", "", "", "https://x", "").stream_url == "https://x/api/v2/stream"


def test_a_connection_that_breaks_in_the_middle_is_reported():
    def broken():
        yield chunk(prelude())
        raise urllib3.exceptions.ProtocolError("Connection broken: IncompleteRead(12 bytes read)")

    assert refused(broken(), DeliveryError).exit_code in (7, 8)
