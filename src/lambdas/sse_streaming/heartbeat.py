"""The events of a stream: `hello`, then heartbeats."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import count

from sse_streaming.settings import Identity
from sse_streaming.sse import Event


async def events(identity: Identity, interval: float) -> AsyncGenerator[Event, None]:
    """Yield `hello` with the identity, then a `heartbeat` every `interval` seconds, without end.

    No event has an id. The function stores no history, so a client cannot resume after an event.
    """
    yield Event("hello", json.dumps(asdict(identity)))
    for sequence in count(1):
        await asyncio.sleep(interval)
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        yield Event("heartbeat", json.dumps({"sequence": sequence, "time": now}))
