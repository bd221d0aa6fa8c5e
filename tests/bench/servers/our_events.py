"""The function with a source of its own. `python our_events.py COUNT SECONDS` prints the CPU seconds of the events.

SECONDS: between two events.

The variable AWS_LAMBDA_RUNTIME_API names the Runtime API.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator

from starlette.types import ASGIApp

from sse_streaming import app, runtime, settings
from sse_streaming.sse import Event

DATA = "x" * 290
"""With the name of the event and the line ends it is an event of 311 bytes."""


async def source(_interval: float, _last: str | None) -> AsyncGenerator[Event, None]:
    """Yield the events, and print what they cost: the next one is asked for when the last one was sent."""
    count, pause = int(sys.argv[1]), float(sys.argv[2])
    began = time.process_time()
    for _ in range(count):
        await asyncio.sleep(pause)
        yield Event("tick", DATA)
    print(time.process_time() - began, flush=True)


def create() -> ASGIApp:
    """The app of the function with that source."""
    return app.create(settings.load({}), source)


if __name__ == "__main__":
    asyncio.run(runtime.run(os.environ["AWS_LAMBDA_RUNTIME_API"], create))
