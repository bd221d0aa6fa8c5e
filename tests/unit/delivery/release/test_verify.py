"""Whether a version really streams: each condition, with the message a person gets."""

import pytest
from support.aws import END, NULS, heartbeat, hello, prelude
from support.build import DIGEST
from support.clock import Clock
from support.world import COMMIT

from delivery.errors import UnhealthyError
from delivery.release.verify import Expected, Health, examine
from delivery.settings import Deadlines

EXPECTED = Expected("2", COMMIT, DIGEST)
DEADLINES = Deadlines(first_event=60, between=10, end=15)
HEAD, HELLO, BEATS = prelude(), hello(), [heartbeat(1), heartbeat(2), heartbeat(3)]


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

    return examine(take, EXPECTED, DEADLINES)


def refused(clock, *steps):
    with pytest.raises(UnhealthyError) as caught:
        examined(clock, *steps)
    assert caught.value.exit_code == 7
    return caught.value


def spread(*chunks):
    return [(0.3, chunk) for chunk in chunks]


def test_a_good_stream_is_accepted_with_the_time_to_its_first_event(clock):
    health = examined(clock, (1.2, HEAD), (0.3, HELLO), *spread(*BEATS, END))
    assert health == Health(first_event=1.5, events=4)
    assert (health.events, health.first_event) == (4, 1.5)


def test_three_events_are_enough(clock):
    assert examined(clock, *spread(HEAD, HELLO, *BEATS[:2], END)).events == 3


def test_comments_and_odd_cuts_do_not_matter(clock):
    text = HEAD + b": hi\n\n" + HELLO + b": ping\n\n".join(BEATS) + END
    assert examined(clock, *spread(*(text[at : at + 11] for at in range(0, len(text), 11)))).events == 4


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
        (spread(HEAD, hello(commit="e" * 40)), f"`hello` names the commit {'e' * 40}, not {COMMIT}."),
        (spread(HEAD, hello(digest="unknown")), f"`hello` names the digest unknown, not {DIGEST}."),
        (spread(HEAD, hello(version="1")), "`hello` names the version 1, not 2."),
        (spread(HEAD, b"event: hello\ndata: {}\n\n"), "`hello` names the version None, not 2."),
        (spread(HEAD, HELLO, BEATS[0], END), "the stream ended after 2 of at least 3 events."),
        (spread(HEAD), "the stream ended after 0 of at least 3 events."),
        ([(0.3, HEAD + HELLO + b"".join(BEATS) + END)], "all events came at once."),
        ([(5, HEAD), (5, HELLO), *[(0.01, beat) for beat in BEATS]], "all events came at once."),
        (spread(HEAD, HELLO, *BEATS, b"event: heartb"), "the stream was cut off in the middle of an event."),
        (spread(HEAD, HELLO, *BEATS[:2], BEATS[2][:-1]), "the stream was cut off in the middle of an event."),
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


def test_what_came_instead_of_a_prelude_is_shown(clock):
    assert refused(clock, *spread(b"Internal Server Error")).why == "Internal Server Error"


def test_a_buffered_stream_names_the_cause(clock):
    assert "buffers" in refused(clock, (3, HEAD + HELLO + b"".join(BEATS) + END)).why


@pytest.mark.parametrize("content_type", ["text/event-stream; charset=utf-8", "text/event-stream"])
def test_a_charset_is_no_other_content_type(clock, content_type):
    assert examined(clock, *spread(prelude(content_type=content_type), HELLO, *BEATS, END)).events == 4


@pytest.mark.parametrize("data", [b"[]", b'"x"', b"null"])
def test_a_hello_that_is_no_object_is_refused(clock, data):
    assert "hello" in refused(clock, *spread(HEAD, b"event: hello\ndata: " + data + b"\n\n")).what


@pytest.mark.parametrize("head", [b"[]", b'{"statusCode": 200, "headers": null}', b'{"statusCode": null}'])
def test_a_prelude_of_another_shape_is_refused(clock, head):
    assert refused(clock, (0.3, head + NULS)).what == "the response's prelude is malformed."


def test_comments_are_not_the_first_event(clock):
    steps = [(0.3, HEAD)] + [(5, b": ping\n\n")] * 1000
    assert refused(clock, *steps).what == "event 1 did not come within 60 s."


def test_comments_are_not_the_next_event(clock):
    steps = [*spread(HEAD, HELLO)] + [(5, b": ping\n\n")] * 1000
    assert refused(clock, *steps).what == "event 2 did not come within 10 s."


def test_a_stream_that_goes_on_for_ever_has_no_end(clock):
    steps = [*spread(HEAD, HELLO)] + [(5, heartbeat(1))] * 1000
    assert refused(clock, *steps).what == "a clean end did not come within 15 s."


def test_a_flood_of_comments_does_not_hold_off_the_deadline(monkeypatch):
    clock = Clock(tick=0.5).install(monkeypatch)
    steps = [(0.0, HEAD)] + [(0.0, b": ping\n\n")] * 5000
    assert refused(clock, *steps).what == "event 1 did not come within 60 s."
