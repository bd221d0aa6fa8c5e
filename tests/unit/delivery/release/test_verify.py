"""Verification opens the published version through Lambda, and checks each condition of a healthy stream."""

import json
import threading

import pytest
import urllib3
from support.aws import END, NULS, FakeAws, FakeLambda, chunk, healthy, heartbeat, hello, prelude, refusal
from support.clock import Clock
from support.world import VERSION

from delivery.errors import CloudError, DeliveryError, UnhealthyError
from delivery.release.verify import Health, examine, verify
from delivery.settings import Deadlines

DEADLINES = Deadlines(first_event=60, between=10, end=15)
DEFAULTS = Deadlines()
HEAD, HELLO, BEATS = prelude(), hello(), [heartbeat(1), heartbeat(2)]


@pytest.fixture
def clock(monkeypatch):
    return Clock().install(monkeypatch)


def examined(clock, *steps):
    """Examine a stream of (seconds before, bytes); it ends after the last, or at a step of None."""
    script = iter(steps)

    def take(seconds):
        assert clock.time < 1000, "verify still waits after 1000 s"
        delay, chunk = next(script, (0.0, None))
        if delay > seconds:
            clock.time += seconds
            raise TimeoutError
        clock.time += delay
        return chunk

    return examine(take, "2", DEADLINES)


def refused(clock, *steps):
    with pytest.raises(UnhealthyError) as caught:
        examined(clock, *steps)
    assert caught.value.exit_code == 7
    return caught.value


def spread(*chunks):
    return [(0.3, chunk) for chunk in chunks]


def test_a_good_stream_is_accepted_with_the_time_to_its_first_event(clock):
    health = examined(clock, (1.2, HEAD), (0.3, HELLO), *spread(*BEATS, END))
    assert health == Health(first_event=1.5, events=3)


def test_comments_and_cuts_at_any_byte_are_accepted(clock):
    text = HEAD + b": hi\n\n" + HELLO + b": ping\n\n".join(BEATS) + END
    assert examined(clock, *spread(*(text[at : at + 11] for at in range(0, len(text), 11)))).events == 3


@pytest.mark.parametrize(
    ("steps", "what"),
    [
        (spread(prelude(500), b"oops"), "it answered 500."),
        (spread(prelude(404), b"{}"), "it answered 404."),
        (
            spread(prelude(content_type="application/json"), HELLO),
            "its content type is application/json, not text/event-stream.",
        ),
        (spread(HEAD, heartbeat(1), HELLO), "its first event is `heartbeat`, not `hello`."),
        (spread(HEAD, b"data: x\n\n"), "its first event is `message`, not `hello`."),
        (spread(HEAD, b"event: hello\ndata: hi\n\n"), "the data of `hello` is no JSON object."),
        (spread(HEAD, hello(version="1")), "`hello` names the version 1, not 2."),
        (spread(HEAD, b"event: hello\ndata: {}\n\n"), "`hello` names the version None, not 2."),
        (spread(HEAD, HELLO, BEATS[0], END), "the stream ended after 2 of 3 events."),
        (spread(HEAD), "the stream ended after 0 of 3 events."),
        ([(0.3, HEAD + HELLO + b"".join(BEATS) + END)], "all events came at once."),
        ([(5, HEAD), (5, HELLO), *[(0.01, beat) for beat in BEATS]], "all events came at once."),
        (spread(HEAD, HELLO, *BEATS, b"event: heartb"), "the stream was cut off in the middle of an event."),
        (spread(HEAD, HELLO, BEATS[0], BEATS[1][:-1]), "the stream was cut off in the middle of an event."),
        ([(61, HEAD)], "event 1 did not come within 60 s."),
        ([(1, HEAD), (61, HELLO)], "event 1 did not come within 60 s."),
        ([(1, HEAD), (59, HELLO), (11, BEATS[0])], "event 2 did not come within 10 s."),
        ([(1, HEAD), (1, HELLO), (9, BEATS[0]), (11, BEATS[1])], "event 3 did not come within 10 s."),
        ([*spread(HEAD, HELLO, *BEATS), (16, None)], "a clean end did not come within 15 s."),
        (spread(b"Internal Server Error"), "the response had no prelude."),
        ([], "the response had no prelude."),
        (spread(b"{" + NULS), "the response's prelude is malformed."),
        (spread(b"{}" + NULS), "the response's prelude is malformed."),
    ],
)
def test_a_stream_is_refused_with_the_first_condition_that_does_not_hold(clock, steps, what):
    assert refused(clock, *steps).what == what


def test_an_answer_without_a_prelude_is_shown(clock):
    assert refused(clock, *spread(b"Internal Server Error")).why == "Internal Server Error"


def test_a_buffered_stream_names_the_cause(clock):
    assert "buffers" in refused(clock, (3, HEAD + HELLO + b"".join(BEATS) + END)).why


@pytest.mark.parametrize("content_type", ["text/event-stream; charset=utf-8", "text/event-stream"])
def test_a_content_type_with_a_charset_is_accepted(clock, content_type):
    assert examined(clock, *spread(prelude(content_type=content_type), HELLO, *BEATS, END)).events == 3


@pytest.mark.parametrize("data", [b"[]", b'"x"', b"null"])
def test_a_hello_whose_data_is_no_object_is_refused(clock, data):
    assert "hello" in refused(clock, *spread(HEAD, b"event: hello\ndata: " + data + b"\n\n")).what


@pytest.mark.parametrize("head", [b"[]", b'{"statusCode": 200, "headers": null}', b'{"statusCode": null}'])
def test_a_prelude_of_another_shape_is_refused(clock, head):
    assert refused(clock, (0.3, head + NULS)).what == "the response's prelude is malformed."


def test_comments_do_not_count_as_the_first_event(clock):
    steps = [(0.3, HEAD)] + [(5, b": ping\n\n")] * 1000
    assert refused(clock, *steps).what == "event 1 did not come within 60 s."


def test_comments_do_not_count_as_the_next_event(clock):
    steps = [*spread(HEAD, HELLO)] + [(5, b": ping\n\n")] * 1000
    assert refused(clock, *steps).what == "event 2 did not come within 10 s."


def test_a_stream_that_does_not_end_is_refused(clock):
    steps = [*spread(HEAD, HELLO)] + [(5, heartbeat(1))] * 1000
    assert refused(clock, *steps).what == "a clean end did not come within 15 s."


def test_many_comments_do_not_extend_the_deadline(monkeypatch):
    clock = Clock(tick=0.5).install(monkeypatch)
    steps = [(0.0, HEAD)] + [(0.0, b": ping\n\n")] * 5000
    assert refused(clock, *steps).what == "event 1 did not come within 60 s."


def aws(response):
    functions = FakeLambda()
    functions.responses["2"] = response
    return FakeAws(functions=functions)


def failure(response, kind=UnhealthyError, deadlines=DEFAULTS):
    with pytest.raises(kind) as caught:
        verify(aws(response), VERSION, deadlines)
    return caught.value


def test_the_published_version_is_opened_and_not_the_alias(monkeypatch):
    Clock(tick=0.3).install(monkeypatch)
    fake = aws(healthy())
    assert verify(fake, VERSION, Deadlines(first_event=9)).events == 3
    ((name, given),) = fake.functions.calls
    assert (name, given["FunctionName"], given["Qualifier"]) == ("invoke_with_response_stream", "fn", "2")


def test_the_request_has_the_form_of_a_function_url_request_for_a_short_stream(monkeypatch):
    Clock(tick=0.3).install(monkeypatch)
    fake = aws(healthy())
    verify(fake, VERSION, Deadlines(first_event=9))
    event = json.loads(fake.functions.calls[0][1]["Payload"])
    assert (event["version"], event["rawPath"]) == ("2.0", "/api/v2/stream")
    assert event["requestContext"]["http"]["method"] == "GET"
    assert event["queryStringParameters"] == {"events": "3", "interval": "0.1"}
    assert event["rawQueryString"] == "events=3&interval=0.1"
    assert fake.silences == [9], "seconds without a byte before the client gives up"


def test_an_unhealthy_stream_is_reported_with_the_version_and_the_next_step():
    error = failure([chunk(prelude(500)), {"InvokeComplete": {}}])
    assert str(error) == (
        "Version 2 of fn does not stream: it answered 500.\n"
        "  try: read its log, correct the function, then deploy again"
    )


def test_a_version_that_crashes_is_reported_with_the_text_of_lambda():
    details = '{"errorMessage": "RequestId: 1 Error: Runtime exited with error: exit status 1"}'
    error = failure([{"InvokeComplete": {"ErrorCode": "Runtime.ExitError", "ErrorDetails": details}}])
    assert "Runtime.ExitError" in error.what
    assert error.why == details


class Stream:
    """A response whose events come one by one from its `second` request on; before, all at once."""

    def __init__(self, clock, second):
        self._clock, self._second, self.requests = clock, second, 0

    def __iter__(self):
        self.requests += 1
        self._clock.tick = 1.0 if self.requests >= self._second else 0.0
        return iter(healthy())


def test_events_that_a_busy_machine_read_at_once_are_asked_for_again_with_a_longer_interval(clock):
    stream = Stream(clock, 2)
    fake = aws(stream)
    assert verify(fake, VERSION, DEFAULTS).events == 3
    asked = [json.loads(given["Payload"])["queryStringParameters"] for _, given in fake.functions.calls]
    assert [float(query["interval"]) for query in asked] == [0.1, 1.0]


def test_a_stream_that_something_buffers_is_refused_after_two_requests(clock):
    stream = Stream(clock, 3)
    error = failure(stream)
    assert (stream.requests, error.exit_code) == (2, 7)
    assert error.what == "Version 2 of fn does not stream: all events came at once."


def test_a_stream_that_fails_in_the_middle_is_unhealthy():
    parts = [chunk(prelude()), chunk(hello()), {"InvokeComplete": {"ErrorCode": "Unhandled"}}]
    assert "Unhandled" in failure(parts).what


def test_a_refusal_of_lambda_is_a_cloud_error_and_not_an_unhealthy_version():
    fake = aws([])
    fake.functions.refuses["invoke_with_response_stream"] = refusal("TooManyRequestsException")
    with pytest.raises(CloudError, match="open the stream of fn:2"):
        verify(fake, VERSION, Deadlines(first_event=9))


def test_the_deadline_holds_while_a_read_blocks():
    release = threading.Event()

    def blocked():
        release.wait(10)
        yield from healthy()  # no error after the end of the test, which messages.txt would have or not

    try:
        error = failure(blocked(), deadlines=Deadlines(first_event=0.02))
    finally:
        release.set()
    assert "event 1 did not come within 0.02 s." in error.what


def test_a_version_that_names_another_version_is_refused(monkeypatch):
    Clock(tick=0.3).install(monkeypatch)
    assert "`hello` names the version 1, not 2." in failure(healthy("1")).what


def test_a_connection_that_breaks_in_the_middle_is_reported():
    def broken():
        yield chunk(prelude())
        raise urllib3.exceptions.ProtocolError("Connection broken: IncompleteRead(12 bytes read)")

    assert failure(broken(), DeliveryError).exit_code in (7, 8)
