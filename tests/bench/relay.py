"""A relay before the emulator that delays each request, like a network between this machine and AWS."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Iterator

_SIZE = 65536


class _Connection:
    """One client. A request begins when the client sends something and the last thing sent was an answer."""

    def __init__(self, target: tuple[str, int], seconds: float) -> None:
        self._target, self._seconds, self._answered = target, seconds, True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            upstream, downstream = await asyncio.open_connection(*self._target)
            with contextlib.closing(writer), contextlib.closing(downstream):
                requests = asyncio.create_task(self._requests(reader, downstream))
                try:
                    await self._answers(upstream, writer)
                finally:
                    requests.cancel()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_SIZE):
                if self._answered:
                    self._answered = False
                    await asyncio.sleep(self._seconds)
                writer.write(data)
                await writer.drain()
            writer.write_eof()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_SIZE):
            self._answered = True
            writer.write(data)
            await writer.drain()


@contextlib.contextmanager
def delaying(endpoint: str, seconds: float) -> Iterator[str]:
    """The address of a relay to `endpoint`, `http://host:port`, that holds each request back for so many seconds."""
    host, _, port = endpoint.removeprefix("http://").rpartition(":")
    address: queue.Queue[str] = queue.Queue()
    loop, over = asyncio.new_event_loop(), asyncio.Event()
    serving = set[asyncio.Task[None] | None]()  # the loop has weak references only

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(task := asyncio.current_task())
        with contextlib.suppress(asyncio.CancelledError):  # Python 3.11 prints it
            await _Connection((host, int(port)), seconds).serve(reader, writer)
        serving.discard(task)

    async def relay() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        address.put(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await over.wait()
        server.close()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:  # at its end, it cancels what still runs
            runner.run(relay())

    running = threading.Thread(target=run, daemon=True)
    running.start()
    try:
        yield address.get(timeout=10)
    finally:
        loop.call_soon_threadsafe(over.set)
        running.join(5)
