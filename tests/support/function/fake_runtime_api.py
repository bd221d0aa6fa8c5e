"""A fake of Lambda's Runtime API on a real HTTP server. It fails a test whose runtime makes a wrong request."""

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field

import h11
from support.function.loopback_server import LoopbackServer

TIMEOUT = 5.0
"""Seconds that a test waits for the runtime."""
_PREFIX = "/2018-06-01/runtime"


@dataclass
class Invocation:
    """One invocation: the input of the runtime, the behaviour of the API, and the runtime's answer.

    `chunked`: send the payload in chunks. `hang_up`: close the connection after the first part of the response.
    `answer_early`: reply with this status before the response is complete. `silent`: never reply to the response.
    """

    payload: bytes
    deadline: float
    request_id: str
    chunked: bool = False
    hang_up: bool = False
    answer_early: int | None = None
    silent: bool = False
    answer: str = "none"
    """The request with which the runtime answered: `response` or `error`."""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def receive(self, data):
        self.body += data
        self._changed.set()

    def end(self):
        self._ended.set()
        self._changed.set()

    async def wait_for(self, text, seconds=TIMEOUT):
        """Return when the body contains `text`."""
        async with asyncio.timeout(seconds):
            while text not in self.body:
                self._changed.clear()
                await self._changed.wait()

    async def changed(self, size):
        """Return true when the body is longer than `size`; false when the runtime ended the invocation before."""
        while len(self.body) <= size:
            if self._ended.is_set():
                return False
            self._changed.clear()
            await self._changed.wait()
        return True

    async def ended(self):
        """Return the invocation when the runtime has ended it."""
        async with asyncio.timeout(TIMEOUT):
            await self._ended.wait()
        return self


class FakeRuntimeApi(LoopbackServer):
    """Use as `async with`. The end of the context raises AssertionError if the runtime made a wrong request.

    `may_die`: whether the runtime may be killed in the middle of a request.
    """

    def __init__(self, may_die=False):
        super().__init__()
        self._broken = (h11.RemoteProtocolError,) if may_die else ()
        self.init_error = None
        self.restore = asyncio.Event()
        """Set it to restore the runtime from its snapshot."""
        self.requests = []
        """The paths of the requests, in order."""
        self._invocations = {}
        self._waiting = asyncio.Queue()

    def invoke(self, payload, seconds=60.0, **behaviour):
        """Queue an invocation whose deadline is `seconds` away; the runtime gets it at its next request."""
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        request_id = f"request-{len(self._invocations)}"
        invocation = Invocation(raw, time.time() + seconds, request_id, **behaviour)
        self._invocations[request_id] = invocation
        self._waiting.put_nowait(invocation)
        return invocation

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        # __aexit__ cancels the open connections, and asyncio would report a task that ends with CancelledError.
        with suppress(ConnectionError, asyncio.CancelledError, *self._broken):
            connection = _Connection(reader, writer)
            request = await connection.read_part()
            if isinstance(request, h11.Request):
                await self._route(connection, request)
        writer.close()
        self._tasks.discard(task)

    async def _route(self, connection, request):
        method, path = request.method.decode(), request.target.decode()
        self.requests.append(path.removeprefix(_PREFIX))
        headers = {name.decode(): value.decode() for name, value in request.headers}
        request_id, _, answer = path.removeprefix(f"{_PREFIX}/invocation/").partition("/")
        if (method, path) == ("GET", f"{_PREFIX}/invocation/next"):
            await connection.send_invocation(await self._waiting.get())
        elif (method, path) == ("GET", f"{_PREFIX}/restore/next"):
            await self.restore.wait()
            await connection.reply(200)
        elif (method, path) == ("POST", f"{_PREFIX}/init/error"):
            body = bytearray()
            await connection.read_rest(body.extend)
            self.init_error = (headers, json.loads(body))
            await connection.reply(202)
        elif method == "POST" and request_id in self._invocations and answer in ("response", "error"):
            await self._read_answer(connection, self._invocations[request_id], answer, headers)
        else:
            self.wrong.append(f"{method} {path}")
            await connection.reply(404)

    async def _read_answer(self, connection, invocation, answer, headers):
        if invocation.answer != "none":
            self.wrong.append(f"{invocation.request_id}: {answer} after {invocation.answer}")
        if headers.get("lambda-runtime-invocation-id") != f"{invocation.request_id}-nonce":
            self.wrong.append(f"{answer} without the invocation id")
        invocation.answer, invocation.headers = answer, headers
        if invocation.answer_early:
            await connection.reply(invocation.answer_early)
            invocation.end()
            # The API continues to read, so that the runtime learns of the end from the reply alone. The runtime may
            # then close the connection at any point.
            with suppress(h11.RemoteProtocolError):
                await connection.read_rest(invocation.receive)
        elif invocation.hang_up:
            await connection.read_first(invocation.receive)
        else:
            invocation.trailers = await connection.read_rest(invocation.receive)
            if set(invocation.trailers) - set(headers.get("trailer", "").lower().split(", ")):
                self.wrong.append("trailers that the Trailer header does not name")
            invocation.end()
            if invocation.silent:
                await asyncio.Event().wait()
            await connection.reply(202)
        invocation.end()


class _Connection:
    """The server's side of one connection."""

    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer
        self._protocol = h11.Connection(h11.SERVER)

    async def send_invocation(self, invocation):
        headers = [
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(int(invocation.deadline * 1000))),
            ("Lambda-Runtime-Invocation-Id", f"{invocation.request_id}-nonce"),
            ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:f:live"),
            ("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"),
            ("Lambda-Runtime-Aws-Tenant-Id", "blue"),
        ]
        if not invocation.chunked:
            headers.append(("Content-Length", str(len(invocation.payload))))
        pieces = (invocation.payload[:1000], invocation.payload[1000:])
        parts = [h11.Data(piece) for piece in pieces if piece]
        await self._send(h11.Response(status_code=200, headers=headers), *parts, h11.EndOfMessage())

    async def read_rest(self, receive):
        """Pass the rest of the body to `receive`, part by part; return the trailers."""
        while not isinstance(part := await self.read_part(), h11.EndOfMessage):
            if isinstance(part, h11.ConnectionClosed):
                raise ConnectionResetError("the runtime closed the connection before the end of its request")
            receive(bytes(part.data))
        return {name.decode(): value.decode() for name, value in part.headers}

    async def read_first(self, receive):
        """Pass the first part of the body to `receive`."""
        receive(bytes((await self.read_part()).data))

    async def reply(self, status):
        await self._send(h11.Response(status_code=status, headers=[("Content-Length", "0")]), h11.EndOfMessage())

    async def read_part(self):
        while (part := self._protocol.next_event()) is h11.NEED_DATA:
            self._protocol.receive_data(await self._reader.read(65_536))
        return part

    async def _send(self, *parts):
        for part in parts:
            self._writer.write(self._protocol.send(part))
        await self._writer.drain()
