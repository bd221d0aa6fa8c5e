"""The event loop of all Runtime APIs, in a thread of its own: code that blocks the emulator's loop cannot stop them."""

import asyncio
import functools
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


@functools.cache
def loop() -> asyncio.AbstractEventLoop:
    """The loop, which runs as long as the process."""
    made = asyncio.new_event_loop()
    threading.Thread(target=made.run_forever, daemon=True, name="runtime-api").start()
    return made


def call(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` on the loop and wait for its result; for threads without an event loop."""
    return asyncio.run_coroutine_threadsafe(work, loop()).result()


async def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` on the loop and await its result in any loop; a cancellation reaches `work`."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop()))
