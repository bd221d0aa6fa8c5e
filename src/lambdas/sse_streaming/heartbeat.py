"""The events of a stream without a table: `hello`, then heartbeats."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import count

from sse_streaming.settings import Identity
from sse_streaming.sse import Event


def hello(identity: Identity) -> Event:
    """The first event of a stream: it names the code that runs."""
    return Event("hello", json.dumps(asdict(identity)))


def beat(sequence: int) -> Event:
    """The heartbeat with that number. It has no id: a client resumes after an event of the feed."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return Event("heartbeat", json.dumps({"sequence": sequence, "time": now}))


async def events(identity: Identity, interval: float) -> AsyncGenerator[Event, None]:
    """Yield `hello` with the identity, then a `heartbeat` every `interval` seconds, without end.

    No event has an id. Without a table the function stores no history, so a client cannot resume after an event.
    """
    yield hello(identity)
    for sequence in count(1):
        await asyncio.sleep(interval)
        yield beat(sequence)
