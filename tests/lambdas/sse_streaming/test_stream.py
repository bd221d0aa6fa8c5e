"""A stream has a limited number of events and a limited lifetime."""

import asyncio
import random
import time

import pytest

from sse_streaming import stream
from sse_streaming.sse import Event

pytestmark = pytest.mark.anyio
HELLO, TICK = b"event: hello\ndata: \n\n", b"event: tick\ndata: \n\n"
RETRY = b"retry: 1000\n\n"


class Source:
    """Yields `hello` and `ticks` events of type `tick`, then waits for ever; `closed` is true after its end.

    Without `first` it yields nothing.
    """

    def __init__(self, ticks, first=True):
        self.ticks = ticks
        self.first = first
        self.closed = False

    async def events(self):
        try:
            if self.first:
                yield Event("hello", "")
            for _ in range(self.ticks):
                yield Event("tick", "")
            await asyncio.Event().wait()
        finally:
            self.closed = True


async def collect(source, max_events=None, lifetime=60.0):
    async with asyncio.timeout(5):
        return [block async for block in stream.encode_events(source.events(), max_events, lifetime)]


async def test_a_stream_ends_after_the_requested_events_with_the_reconnection_time():
    assert await collect(Source(ticks=9), max_events=3) == [RETRY, HELLO, TICK, TICK, RETRY]


async def test_a_stream_ends_after_its_lifetime_even_if_no_event_comes():
    assert await collect(Source(ticks=1), lifetime=0.05) == [RETRY, HELLO, TICK, RETRY]


async def test_the_first_event_is_sent_even_if_no_time_is_left():
    assert await collect(Source(ticks=9), lifetime=0.0) == [RETRY, HELLO, RETRY]


async def test_the_reconnection_time_is_sent_before_the_source_has_an_event():
    blocks = stream.encode_events(Source(ticks=0, first=False).events(), None, 60)
    assert await anext(blocks) == RETRY
    await blocks.aclose()


async def test_a_stream_has_one_timer_however_many_events_it_has(monkeypatch):
    loop, timers = asyncio.get_running_loop(), []
    original = loop.call_at
    monkeypatch.setattr(loop, "call_at", lambda *words, **more: timers.append(1) or original(*words, **more))
    blocks = stream.encode_events(Source(ticks=500).events(), 400, 60)
    assert len([block async for block in blocks]) == 402
    assert len(timers) == 1


async def test_a_stream_that_is_cancelled_in_its_last_moment_stays_cancelled():
    """The end of the lifetime cancels the task too, and must not swallow the cancellation of somebody else."""
    task = asyncio.create_task(collect(Source(ticks=0), lifetime=0.05))
    asyncio.get_running_loop().call_later(0.05, task.cancel)
    asyncio.get_running_loop().call_later(0.04, time.sleep, 0.02)  # both timers are due at the same time
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_stream_closes_its_source_at_its_end():
    source = Source(ticks=9)
    await collect(source, max_events=2)
    assert source.closed


def test_a_lifetime_is_random_and_from_one_to_two_minutes():
    lifetimes = [stream.choose_lifetime(until_deadline=900) for _ in range(100)]
    assert all(60 <= lifetime <= 120 for lifetime in lifetimes)
    assert max(lifetimes) - min(lifetimes) > 5


def test_processes_that_were_restored_from_one_snapshot_choose_different_lifetimes():
    """Such processes have the same state of `random`."""
    lifetimes = []
    for _ in range(2):
        random.seed(1)
        lifetimes.append(stream.choose_lifetime(until_deadline=900))
    assert lifetimes[0] != lifetimes[1]


@pytest.mark.parametrize(("until_deadline", "lifetime"), [(30.0, 25.0), (5.0, 0.0), (-3.0, 0.0)])
def test_a_lifetime_ends_five_seconds_before_the_deadline(until_deadline, lifetime):
    assert stream.choose_lifetime(until_deadline) == lifetime
