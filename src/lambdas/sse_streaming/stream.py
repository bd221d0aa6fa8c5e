"""Limit a stream: it ends before Lambda would stop it, and tells the client when to reconnect.

Lambda does not stop the function when a client disconnects, and AWS bills until the function returns. The limited
lifetime bounds that cost. The lifetime is random, so that clients that connected together reconnect at different times.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from sse_streaming.sse import Event, encode, encode_retry

MIN_LIFETIME = 60.0
"""Seconds."""
MAX_LIFETIME = 120.0
"""Seconds."""
DEADLINE_MARGIN = 5.0
"""Seconds between the end of a stream and Lambda's deadline."""
RETRY_MILLISECONDS = 1000


def choose_lifetime(until_deadline: float) -> float:
    """Return a random lifetime for a stream, in seconds, if the deadline is `until_deadline` seconds away."""
    # Not secret: the random number only spreads the reconnections.
    lifetime = random.uniform(MIN_LIFETIME, MAX_LIFETIME)
    return max(0.0, min(lifetime, until_deadline - DEADLINE_MARGIN))


async def encode_events(
    events: AsyncGenerator[Event, None], max_events: int | None, lifetime: float
) -> AsyncIterator[bytes]:
    """Yield encoded events, at most `max_events` and for `lifetime` seconds, then a `retry:` block.

    The first event is sent even if `lifetime` is 0, because it names the code that runs.
    """
    end = asyncio.get_running_loop().time() + lifetime
    sent = 0
    async with aclosing(events):
        event: Event | None = await anext(events)
        while event is not None:
            yield encode(event)
            sent += 1
            event = None if sent == max_events else await _next_event(events, end)
        yield encode_retry(RETRY_MILLISECONDS)


async def _next_event(events: AsyncIterator[Event], end: float) -> Event | None:
    # asyncio.timeout_at acts only while its task waits: events that are ready at once would never time out.
    if asyncio.get_running_loop().time() >= end:
        return None
    try:
        async with asyncio.timeout_at(end):
            return await anext(events, None)
    except TimeoutError:
        return None
