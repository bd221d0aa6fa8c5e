"""Passes the bytes of connections on; the relays run in a thread."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_SIZE = 1 << 16


async def copied(one: Connection, other: Connection) -> None:
    """Copy both ways, until both have ended."""
    await asyncio.gather(_copy(one[0], other[1]), _copy(other[0], one[1]))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while content := await reader.read(_SIZE):
            writer.write(content)
            await writer.drain()
    writer.close()


@contextlib.contextmanager
def serving(start: Callable[[], Awaitable[asyncio.Server]]) -> Iterator[asyncio.Server]:
    """A server of asyncio, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def begin() -> asyncio.Server:
        return await start()

    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(30)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
