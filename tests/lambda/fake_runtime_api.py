"""A Runtime API that speaks real HTTP and refuses whatever it was not told to expect."""

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field

import h11

PATIENCE = 5.0
_PREFIX = "/2018-06-01/runtime"
_TRAILERS = {"lambda-runtime-function-error-type", "lambda-runtime-function-error-body"}


@dataclass
class Call:
    """One invocation: what the runtime is given, how the API behaves, and what came back."""

    payload: bytes
    deadline: float
    chunked: bool = False
    hang_up: bool = False
    answer_early: int | None = None
    silent: bool = False
    kind: str = "none"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    request_id: str = ""
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def receive(self, data):
        self.body += data
        self._news.set()

    def end(self):
        self._ended.set()

    async def sees(self, text):
        """Return once `text` has arrived."""
        async with asyncio.timeout(PATIENCE):
            while text not in self.body:
                self._news.clear()
                await self._news.wait()

    async def ended(self):
        """Return the call once the runtime has brought it to an end."""
        async with asyncio.timeout(PATIENCE):
            await self._ended.wait()
        return self


class FakeRuntimeApi:
    """Use as `async with`. Leaving raises AssertionError if the runtime asked for what it must not ask for."""

    def __init__(self):
        self.init_error = None
        self.address = ""
        self._calls = {}
        self._waiting = asyncio.Queue()
        self._refused = []
        self._connections = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections)
        assert not self._refused

    def invoke(self, payload, seconds=60.0, **behaviour):
        """Have the runtime's next `/next` answered with this event, whose deadline is `seconds` away."""
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        call = Call(raw, time.time() + seconds, request_id=f"request-{len(self._calls)}", **behaviour)
        self._calls[call.request_id] = call
        self._waiting.put_nowait(call)
        return call

    async def _connection(self, reader, writer):
        task = asyncio.current_task()
        self._connections.add(task)
        # asyncio would report a connection's task that ends cancelled, which is how leaving ends it.
        with suppress(ConnectionError, asyncio.CancelledError):
            await _Conversation(self, reader, writer).hold()
        writer.close()
        self._connections.discard(task)

    async def route(self, conversation, request):
        method, path = request.method.decode(), request.target.decode()
        headers = {name.decode(): value.decode() for name, value in request.headers}
        name, _, verb = path.removeprefix(f"{_PREFIX}/invocation/").partition("/")
        if (method, path) == ("GET", f"{_PREFIX}/invocation/next"):
            await conversation.give(await self._waiting.get())
        elif (method, path) == ("POST", f"{_PREFIX}/init/error"):
            told = bytearray()
            await conversation.rest(told.extend)
            self.init_error = (headers, json.loads(told))
            await conversation.reply(202)
        elif method == "POST" and name in self._calls and verb in ("response", "error"):
            await self._take(conversation, self._calls[name], verb, headers)
        else:
            self._refused.append(f"{method} {path}")
            await conversation.reply(404)

    async def _take(self, conversation, call, verb, headers):
        if call.kind != "none":
            self._refused.append(f"a second answer to {call.request_id}: {verb} after {call.kind}")
        if headers.get("lambda-runtime-invocation-id") != f"{call.request_id}-nonce":
            self._refused.append(f"{verb} without the invocation id")
        call.kind, call.headers = verb, headers
        if call.answer_early:
            await conversation.reply(call.answer_early)
            call.end()
            # Reads on, so that the runtime can only know from the answer; what then comes is its own affair.
            with suppress(h11.RemoteProtocolError):
                await conversation.rest(call.receive)
        elif not call.hang_up:
            call.trailers = await conversation.rest(call.receive)
            if set(call.trailers) - set(headers.get("trailer", "").lower().split(", ")):
                self._refused.append("trailers that were not declared")
            call.end()
            if not call.silent:
                await conversation.reply(202)
            else:
                await asyncio.Event().wait()
        else:
            await conversation.first(call.receive)
        call.end()


class _Conversation:
    """One connection, server side."""

    def __init__(self, api, reader, writer):
        self._api = api
        self._reader = reader
        self._writer = writer
        self._protocol = h11.Connection(h11.SERVER)

    async def hold(self):
        request = await self._event()
        if isinstance(request, h11.Request):
            await self._api.route(self, request)

    async def give(self, call):
        headers = [
            ("Lambda-Runtime-Aws-Request-Id", call.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(int(call.deadline * 1000))),
            ("Lambda-Runtime-Invocation-Id", f"{call.request_id}-nonce"),
        ]
        if not call.chunked:
            headers.append(("Content-Length", str(len(call.payload))))
        halves = (call.payload[:1000], call.payload[1000:])
        parts = [h11.Data(half) for half in halves if half]
        await self._send(h11.Response(status_code=200, headers=headers), *parts, h11.EndOfMessage())

    async def rest(self, receive):
        """Pass on what is left of the body as it comes; returns the trailers."""
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("the runtime left without ending its request")
            receive(bytes(event.data))
        return {name.decode(): value.decode() for name, value in event.headers}

    async def first(self, receive):
        receive(bytes((await self._event()).data))

    async def reply(self, status):
        await self._send(h11.Response(status_code=status, headers=[("Content-Length", "0")]), h11.EndOfMessage())

    async def _send(self, *events):
        for event in events:
            self._writer.write(self._protocol.send(event))
        await self._writer.drain()

    async def _event(self):
        while (event := self._protocol.next_event()) is h11.NEED_DATA:
            self._protocol.receive_data(await self._reader.read(65_536))
        return event
