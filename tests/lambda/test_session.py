import asyncio

import pytest

from sse_streaming import session
from sse_streaming.sse import Event

pytestmark = pytest.mark.anyio
HELLO, TICK = b"event: hello\ndata: \n\n", b"event: tick\ndata: \n\n"
RETRY = b"retry: 1000\n\n"


class Source:
    """Says hello, ticks `ticks` times, then stays silent for ever; knows whether it was closed."""

    def __init__(self, ticks):
        self.ticks = ticks
        self.closed = False

    async def events(self):
        try:
            yield Event("hello", "")
            for _ in range(self.ticks):
                yield Event("tick", "")
            await asyncio.Event().wait()
        finally:
            self.closed = True


async def collect(source, at_most=None, life=60.0):
    async with asyncio.timeout(5):
        return [block async for block in session.stream(source.events(), at_most, life)]


async def test_a_stream_ends_after_the_events_asked_for_and_says_when_to_come_back():
    assert await collect(Source(ticks=9), at_most=3) == [HELLO, TICK, TICK, RETRY]


async def test_a_stream_ends_by_itself_when_its_life_is_over_though_its_source_is_silent():
    assert await collect(Source(ticks=1), life=0.05) == [HELLO, TICK, RETRY]


async def test_the_first_event_is_sent_even_when_there_is_no_time_left():
    assert await collect(Source(ticks=9), life=0.0) == [HELLO, RETRY]


async def test_a_stream_that_ended_has_closed_its_source():
    source = Source(ticks=9)
    await collect(source, at_most=2)
    assert source.closed


def test_a_stream_lives_one_to_two_minutes_not_always_the_same():
    lives = [session.life_seconds(until_deadline=900) for _ in range(100)]
    assert all(60 <= life <= 120 for life in lives)
    assert max(lives) - min(lives) > 5


@pytest.mark.parametrize(("until_deadline", "life"), [(30.0, 25.0), (5.0, 0.0), (-3.0, 0.0)])
def test_a_stream_ends_five_seconds_before_the_deadline(until_deadline, life):
    assert session.life_seconds(until_deadline) == life
