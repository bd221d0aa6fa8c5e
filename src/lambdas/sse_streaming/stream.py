"""Limit a stream: it ends before Lambda would stop it, and tells the client when to reconnect.

Lambda does not stop the function when a client disconnects, and AWS bills until the function returns. The limited
lifetime bounds that cost. The lifetime is random, so that clients that connected together reconnect at different times.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from sse_streaming.sse import Event, encode, encode_retry

MIN_LIFETIME = 60.0
"""Seconds."""
MAX_LIFETIME = 120.0
"""Seconds."""
DEADLINE_MARGIN = 5.0
"""Seconds between the end of a stream and Lambda's deadline."""
RETRY_MILLISECONDS = 1000

# A process that Lambda restored from a snapshot has the state of `random` of every other such process (Lambda developer
# guide, "Handling uniqueness with Lambda SnapStart"); the operating system's numbers differ.
_random = random.SystemRandom()


def choose_lifetime(until_deadline: float) -> float:
    """Return a random lifetime for a stream, in seconds, if the deadline is `until_deadline` seconds away."""
    lifetime = _random.uniform(MIN_LIFETIME, MAX_LIFETIME)
    return max(0.0, min(lifetime, until_deadline - DEADLINE_MARGIN))


async def encode_events(
    events: AsyncGenerator[Event, None], max_events: int | None, lifetime: float
) -> AsyncGenerator[bytes, None]:
    """Yield encoded events, at most `max_events` and for `lifetime` seconds, between two `retry:` blocks.

    The first block counts if the connection is cut, the last one shows that the stream ended by itself. The first event
    is sent even if `lifetime` is 0, because it names the code that runs.
    """
    limit = _Lifetime(lifetime)
    sent = 0
    async with aclosing(events):
        try:
            yield encode_retry(RETRY_MILLISECONDS)
            event: Event | None = await anext(events)
            while event is not None:
                yield encode(event)
                sent += 1
                event = None if sent == max_events else await limit.next(events)
            yield encode_retry(RETRY_MILLISECONDS)
        finally:
            limit.close()


class _Lifetime:
    """The lifetime of one stream. It has one timer: asyncio.timeout would make one for each event.

    The timer cancels the task of the stream only while the task waits for an event, never while an event is sent.
    """

    def __init__(self, seconds: float) -> None:
        self._over = seconds <= 0
        self._waiting: asyncio.Task[Any] | None = None
        self._timer = asyncio.get_running_loop().call_later(seconds, self._end)

    async def next(self, events: AsyncIterator[Event]) -> Event | None:
        """Return the next event; None at the end of the lifetime or of `events`."""
        if self._over:
            return None
        task = asyncio.current_task()
        assert task is not None
        cancellations = task.cancelling()
        self._waiting = task
        try:
            return await anext(events, None)
        except asyncio.CancelledError:
            # Somebody else may have cancelled the task too; then the cancellation goes on.
            if self._over and task.uncancel() <= cancellations:
                return None
            raise
        finally:
            self._waiting = None

    def close(self) -> None:
        """Remove the timer."""
        self._timer.cancel()

    def _end(self) -> None:
        self._over = True
        if self._waiting is not None:
            self._waiting.cancel()
