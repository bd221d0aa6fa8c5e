"""A stream is examined event by event: each condition of its health contract, and its deadlines."""

import pytest
from support.aws import END, NULS, heartbeat, hello, prelude
from support.build import CONTRACT
from support.clock import Clock

from delivery.errors import UnhealthyError
from delivery.health import Stream
from delivery.release.stream import Streamed, examine, verify
from delivery.settings import Deadlines

DEADLINES = Deadlines(first_event=60, between=10)
HEAD, HELLO, BEATS = prelude(), hello(), [heartbeat(1), heartbeat(2)]


@pytest.fixture
def clock(monkeypatch):
    return Clock().install(monkeypatch)


def examined(clock, *steps, **changes):
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

    return examine(take, Stream.model_validate({**CONTRACT, **changes}), DEADLINES)


def refused(clock, *steps, **changes):
    with pytest.raises(UnhealthyError) as caught:
        examined(clock, *steps, **changes)
    assert caught.value.exit_code == 7
    return caught.value


def spread(*chunks):
    return [(0.3, chunk) for chunk in chunks]


def test_a_good_stream_is_accepted_with_the_time_to_its_first_event(clock):
    health = examined(clock, (1.2, HEAD), (0.3, HELLO), *spread(*BEATS, END))
    assert health == Streamed(first_event=1.5, events=3)


def test_comments_and_cuts_at_any_byte_are_accepted(clock):
    text = HEAD + b": hi\n\n" + HELLO + b": ping\n\n".join(BEATS) + END
    assert examined(clock, *spread(*(text[at : at + 11] for at in range(0, len(text), 11)))).events == 3


@pytest.mark.parametrize(
    ("steps", "what"),
    [
        (spread(prelude(500), b"oops"), "it answered 500, not 200."),
        (spread(prelude(404), b"{}"), "it answered 404, not 200."),
        (
            spread(prelude(content_type="application/json"), HELLO),
            "its content type is application/json, not text/event-stream.",
        ),
        (spread(HEAD, heartbeat(1), HELLO), "its first event is `heartbeat`, not `hello`."),
        (spread(HEAD, b"data: x\n\n"), "its first event is `message`, not `hello`."),
        (spread(HEAD, HELLO, BEATS[0], END), "the stream ended after 2 of 3 events."),
        (spread(HEAD), "the stream ended after 0 of 3 events."),
        ([(0.3, HEAD + HELLO + b"".join(BEATS) + END)], "all events came at once."),
        ([(5, HEAD), (5, HELLO), *[(0.01, beat) for beat in BEATS]], "all events came at once."),
        (spread(HEAD, HELLO, *BEATS, b"event: heartb"), "the stream was cut off in the middle of an event."),
        ([(61, HEAD)], "event 1 did not come within 60 s."),
        ([(1, HEAD), (61, HELLO)], "event 1 did not come within 60 s."),
        ([(1, HEAD), (59, HELLO), (11, BEATS[0])], "event 2 did not come within 10 s."),
        ([(1, HEAD), (1, HELLO), (9, BEATS[0]), (11, BEATS[1])], "event 3 did not come within 10 s."),
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


@pytest.mark.parametrize("head", [b"[]", b'{"statusCode": 200, "headers": null}', b'{"statusCode": null}'])
def test_a_prelude_of_another_shape_is_refused(clock, head):
    assert refused(clock, (0.3, head + NULS)).what == "the response's prelude is malformed."


def test_comments_do_not_count_as_the_first_event(clock):
    steps = [(0.3, HEAD)] + [(5, b": ping\n\n")] * 1000
    assert refused(clock, *steps).what == "event 1 did not come within 60 s."


def test_comments_do_not_count_as_the_next_event(clock):
    steps = [*spread(HEAD, HELLO)] + [(5, b": ping\n\n")] * 1000
    assert refused(clock, *steps).what == "event 2 did not come within 10 s."


def test_a_stream_may_go_on_and_is_read_for_one_more_second(clock):
    steps = [*spread(HEAD, HELLO)] + [(0.5, heartbeat(1))] * 1000
    assert examined(clock, *steps) == Streamed(first_event=0.6, events=3)
    assert clock.time <= 0.6 + 2 * 0.5 + 1.0


def test_a_function_that_fails_right_after_its_events_is_refused(clock):
    def take(seconds):
        clock.time += min(0.3, seconds)
        if not steps:
            raise UnhealthyError("Version 2 of fn failed: Runtime.ExitError")
        return steps.pop(0)

    steps = [HEAD, HELLO, *BEATS]
    with pytest.raises(UnhealthyError, match=r"Runtime\.ExitError"):
        examine(take, Stream.model_validate(CONTRACT), DEADLINES)


def test_any_first_event_is_accepted_without_a_name(clock):
    changes = {"first": None, "events": 2}
    assert examined(clock, *spread(HEAD, b"data: x\n\n", b"data: y\n\n"), **changes).events == 2


def test_one_event_is_never_at_once(clock):
    assert examined(clock, (0.3, HEAD + HELLO), events=1) == Streamed(first_event=0.3, events=1)


def test_as_many_events_as_the_contract_has_must_come(clock):
    assert refused(clock, *spread(HEAD, HELLO, *BEATS), events=4).what == "the stream ended after 3 of 4 events."


def test_the_deadline_of_a_contract_is_for_all_its_events(clock):
    steps = [(1, HEAD), (9, HELLO), (9, BEATS[0]), (9, BEATS[1])]
    assert examined(clock, *steps, deadline=29).events == 3
    assert refused(clock, *steps, deadline=27).what == "event 3 did not come within 27 s."


def test_the_body_of_an_error_is_shown(clock):
    assert refused(clock, *spread(prelude(500) + b"no table")).why == "no table"


def test_many_comments_do_not_extend_the_deadline(monkeypatch):
    clock = Clock(tick=0.5).install(monkeypatch)
    steps = [(0.0, HEAD)] + [(0.0, b": ping\n\n")] * 5000
    assert refused(clock, *steps).what == "event 1 did not come within 60 s."


class Reader:
    """A stream whose events come `apart`; counts how often one was closed."""

    closed = 0

    def __init__(self, clock, apart):
        self._steps, self._clock, self._apart = [HEAD, HELLO, *BEATS], clock, apart

    def take(self, seconds):
        del seconds
        self._clock.time += self._apart
        return self._steps.pop(0) if self._steps else None

    def close(self):
        Reader.closed += 1


@pytest.fixture
def opened(clock, monkeypatch):
    """Opens streams whose events come as far apart as the test says, one after the other."""
    monkeypatch.setattr(Reader, "closed", 0)

    def opened(*apart):
        left = list(apart)
        contract = Stream.model_validate(CONTRACT)
        return verify(lambda: Reader(clock, left.pop(0)), contract, DEADLINES), left

    return opened


def test_a_stream_that_a_busy_machine_read_at_once_is_opened_again(opened):
    health, left = opened(0.0, 0.001, 0.3, 0.3)
    assert (health.events, left, Reader.closed) == (3, [0.3], 3)


def test_a_stream_that_something_buffers_is_refused_after_three_requests(opened):
    with pytest.raises(UnhealthyError, match="all events came at once"):
        opened(0.0, 0.0, 0.0)
    assert Reader.closed == 3


def test_any_other_failure_is_not_tried_again(clock, monkeypatch):
    monkeypatch.setattr(Reader, "closed", 0)
    with pytest.raises(UnhealthyError, match="ended after 3 of 9 events"):
        verify(lambda: Reader(clock, 1), Stream.model_validate({**CONTRACT, "events": 9}), DEADLINES)
    assert Reader.closed == 1
