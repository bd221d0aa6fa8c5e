"""An HTTP server that stands in for a Function URL: it invokes the function, and passes the answer on as it comes."""

import asyncio
import threading
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus

import h11
from support import function_url
from support.function.fake_dynamodb import KEYS, FakeDynamoDB
from support.function.fake_runtime_api import FakeRuntimeApi

from sse_streaming import app, runtime, settings, source

_AT_ONCE = 12


class Front:
    """A function with a table of events, at `url`. Its methods may be called from any thread.

    `refusals`: the statuses that the next requests for a stream are answered with, as Lambda answers by itself.
    `resumed`: the header Last-Event-ID and the query of each request for a stream.
    """

    def __init__(self) -> None:
        self.url = ""
        self.refusals: list[int] = []
        self.resumed: list[tuple[str | None, str]] = []
        self._clients: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}
        self._loop = asyncio.new_event_loop()
        # The end cuts the streams that are open, whose tasks nobody waits for.
        self._loop.set_exception_handler(lambda *_: None)
        self._stopped = asyncio.Event()

    def publish(self, *data: str) -> None:
        """Write events to the table."""
        self._loop.call_soon_threadsafe(self._dynamodb.put, *(("message", each) for each in data))

    def cut(self) -> None:
        """Break all connections of clients."""
        self._loop.call_soon_threadsafe(lambda: [writer.transport.abort() for writer in self._clients.values()])

    def run(self, started: threading.Event) -> None:
        """Serve until `stop`."""
        self._loop.run_until_complete(self._serve(started))
        self._loop.close()

    def stop(self) -> None:
        """End `run`."""
        self._loop.call_soon_threadsafe(self._stopped.set)

    async def _serve(self, started: threading.Event) -> None:
        async with FakeDynamoDB() as self._dynamodb, FakeRuntimeApi() as self._api:
            variables = {"EVENTS_TABLE": "events", "AWS_REGION": "us-east-1", "AWS_LAMBDA_FUNCTION_VERSION": "7"}
            loaded = settings.load({**variables, "AWS_ENDPOINT_URL": self._dynamodb.endpoint})
            made = app.create(loaded, source.create(loaded, KEYS))
            loops = [asyncio.create_task(runtime.run(self._api.address, lambda: made)) for _ in range(_AT_ONCE)]
            server = await asyncio.start_server(self._client, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            started.set()
            await self._stopped.wait()
            server.close()
            tasks = [*loops, *filter(None, self._clients)]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients[asyncio.current_task()] = writer
        with suppress(ConnectionError, asyncio.CancelledError):  # asyncio would report a task that ends with the second
            await self._answer(reader, writer)
        del self._clients[asyncio.current_task()]
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request. The connection closes after it, which ends the body."""
        protocol = h11.Connection(h11.SERVER)
        while (request := protocol.next_event()) is h11.NEED_DATA:
            protocol.receive_data(await reader.read(65_536))
        if not isinstance(request, h11.Request):
            return
        path, _, query = request.target.decode().partition("?")
        headers = {name.decode(): value.decode() for name, value in request.headers}
        if path.endswith("/stream"):
            self.resumed.append((headers.get("last-event-id"), query))
            if self.refusals:
                status = HTTPStatus(self.refusals.pop(0))
                writer.write(
                    f"HTTP/1.1 {status} {status.phrase}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
                )
                return
        invocation = self._api.invoke(function_url.payload(path, query, request.method.decode(), headers))
        await invocation.wait_for(bytes(8))
        head = function_url.response(invocation.body)
        lines = [f"HTTP/1.1 {head.status} {HTTPStatus(head.status).phrase}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in head.headers.items()]
        writer.write("\r\n".join((*lines, "", "")).encode())
        sent = invocation.body.index(bytes(8)) + 8
        while True:
            writer.write(invocation.body[sent:])
            sent = len(invocation.body)
            await writer.drain()
            if not await _more(invocation.changed(sent), writer):
                return


async def _more(changed: Awaitable[bool], writer: asyncio.StreamWriter) -> bool:
    """Whether the answer goes on, and somebody reads it."""
    return await changed and not writer.is_closing()


@contextmanager
def front() -> Iterator[Front]:
    """Serve a function until the context ends."""
    made, started = Front(), threading.Event()
    thread = threading.Thread(target=made.run, args=(started,), daemon=True)
    thread.start()
    assert started.wait(10), "the server has not started"
    try:
        yield made
    finally:
        made.stop()
        thread.join(10)
