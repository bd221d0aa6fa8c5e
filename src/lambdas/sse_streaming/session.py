"""One stream's life: it ends by itself, before Lambda would end it, and says when to come back.

A client that leaves does not stop the function, and AWS bills until it returns: a stream that ends itself
bounds that. Jitter keeps clients that arrived together from coming back together.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from sse_streaming.sse import Event, encode, encode_retry

SHORTEST_LIFE = 60.0
LONGEST_LIFE = 120.0
DEADLINE_MARGIN = 5.0
RETRY_MILLISECONDS = 1000


def life_seconds(until_deadline: float) -> float:
    """Return how long a stream may live when Lambda's deadline is `until_deadline` seconds away."""
    # Spreads reconnections; nothing secret depends on it.
    chosen = random.uniform(SHORTEST_LIFE, LONGEST_LIFE)
    return max(0.0, min(chosen, until_deadline - DEADLINE_MARGIN))


async def stream(events: AsyncGenerator[Event, None], at_most: int | None, life: float) -> AsyncIterator[bytes]:
    """Yield encoded events until `at_most` were sent or `life` seconds passed, then `retry:`.

    The first event is always sent, however short the life: a client must learn who answered.
    """
    ends_at = asyncio.get_running_loop().time() + life
    sent = 0
    async with aclosing(events):
        event: Event | None = await anext(events)
        while event is not None:
            yield encode(event)
            sent += 1
            event = None if sent == at_most else await _next_before(ends_at, events)
        yield encode_retry(RETRY_MILLISECONDS)


async def _next_before(ends_at: float, events: AsyncIterator[Event]) -> Event | None:
    # A timeout only fires where its task waits, and a source that has events ready never does.
    if asyncio.get_running_loop().time() >= ends_at:
        return None
    try:
        async with asyncio.timeout_at(ends_at):
            return await anext(events, None)
    except TimeoutError:
        return None
