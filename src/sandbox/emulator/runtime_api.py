"""Lambda's Runtime API, one for each container: any image that runs on Lambda runs here as it is.

    invocation -- Task --> GET  /runtime/invocation/next ---------------> the runtime in the container
    invocation <-- Answer -- POST /runtime/invocation/ID/response, /error <--+

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and runtimes-custom.html, "Response streaming"

Everything here runs on the loop of `runtime_loop`.
"""

import asyncio
import base64
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import h11

from sandbox.emulator.connection import Connection
from sandbox.emulator.failures import BrokenError, FunctionError

LIMIT = 6 * 1024 * 1024 + 100
"""Bytes of a buffered answer, or of a report of an error (Lambda quotas, "Invocation payload")."""

_ROOT = "/2018-06-01/runtime"
_WAITING_PARTS = 16
_LAST_BYTES_SECONDS = 0.1
"""How long the last bytes of a runtime may take after it has exited."""
_TYPE, _BODY = "lambda-runtime-function-error-type", "lambda-runtime-function-error-body"
_ACCEPTED = {"status": "OK"}


class _Begin:
    """Stands in the queue of an answer before its first byte."""


class Answer:
    """The answer to one invocation, while the runtime sends it. The runtime waits when nobody reads it."""

    def __init__(self) -> None:
        self._parts: asyncio.Queue[_Begin | bytes | Exception | None] = asyncio.Queue(_WAITING_PARTS)

    async def begun(self) -> None:
        """Return when the answer begins. Raises FunctionError, or BrokenError when the runtime exited."""
        part = await self._parts.get()
        if isinstance(part, Exception):
            raise part

    async def part(self) -> bytes | None:
        """The next bytes, or None at the end. Raises FunctionError, or BrokenError when the answer broke off."""
        part = await self._parts.get()
        if isinstance(part, Exception):
            raise part
        return None if isinstance(part, _Begin) else part

    async def put(self, part: _Begin | bytes | Exception | None) -> None:
        """Give the caller the beginning, bytes, an error, or the end (None)."""
        await self._parts.put(part)


@dataclass
class Task:
    """One invocation: the headers and the payload of the answer to /next.

    Attributes:
        request_id: Lambda-Runtime-Aws-Request-Id.
        invocation_id: Lambda-Runtime-Invocation-Id, which a runtime sends back with its answer.
        headers: the other headers; Lambda-Runtime-Deadline-Ms among them.
    """

    request_id: str
    invocation_id: str
    headers: Mapping[str, str]
    payload: bytes
    answer: Answer = field(default_factory=Answer)
    taken: bool = False
    answered: bool = False

    @property
    def head(self) -> dict[str, str]:
        """All headers of the answer to /next."""
        return {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Invocation-Id": self.invocation_id,
            **self.headers,
        }


class RuntimeApi:
    """The Runtime API of one container, which gets one invocation at a time."""

    def __init__(self) -> None:
        self._initialised = asyncio.Event()
        self._tasks: asyncio.Queue[Task] = asyncio.Queue()
        self._current: Task | None = None
        self._end: Exception | None = None
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._server: asyncio.Server | None = None

    async def listen(self, host: str) -> int:
        """Serve at a free port of `host`; returns the port."""
        self._server = await asyncio.start_server(self.serve, host, 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """End the API; a runtime that still waits loses its connection."""
        if self._server:
            self._server.close()
        for task, connection in list(self._connections.items()):
            task.cancel()
            connection.close()

    async def initialised(self) -> None:
        """Return when the runtime has asked for its first invocation.

        Raises:
            FunctionError: the runtime reported that it cannot start.
            BrokenError: it exited.
        """
        await self._initialised.wait()
        if self._end:
            raise self._end

    async def invoke(self, task: Task) -> None:
        """Give the runtime a task; returns when its answer begins. Raises like `Answer.begun`."""
        self._current = task
        if self._end:
            raise self._end
        await self._tasks.put(task)
        await task.answer.begun()

    async def exited(self) -> None:
        """The container has ended: an invocation that has no answer gets none."""
        await asyncio.sleep(_LAST_BYTES_SECONDS)
        self._end = self._end or BrokenError("the runtime exited")
        self._initialised.set()
        if self._current and not self._current.answered:
            self._current.answered = True
            await self._current.answer.put(self._end)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until the runtime closes it."""
        connection = Connection(reader, writer)
        if task := asyncio.current_task():
            self._connections[task] = connection
            task.add_done_callback(lambda done: self._connections.pop(done, None))
        # asyncio reports a connection's task that ends with CancelledError, which `close` causes.
        with contextlib.suppress(BrokenError, asyncio.CancelledError):
            while request := await connection.request():
                await self._route(connection, request)
        writer.close()

    async def _route(self, connection: Connection, request: h11.Request) -> None:
        method, path = request.method.decode(), request.target.decode().partition("?")[0]
        headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
        ident, _, kind = path.removeprefix(f"{_ROOT}/invocation/").rpartition("/")
        if (method, path) == ("GET", f"{_ROOT}/invocation/next"):
            await _whole(connection)
            await self._next(connection)
        elif (method, path) == ("POST", f"{_ROOT}/init/error"):
            await self._init_error(connection, headers)
        elif method == "POST" and kind in ("response", "error") and path.startswith(f"{_ROOT}/invocation/"):
            await self._answered(connection, headers, ident, kind)
        else:
            await _whole(connection)
            await _refuse(connection, 404, "NotFound", f"{method} {path} is not part of the Runtime API")

    async def _next(self, connection: Connection) -> None:
        if self._current and self._current.taken and not self._current.answered:
            message = f"the invocation {self._current.request_id} has no answer yet"
            await _refuse(connection, 403, "InvalidStateTransition", message)
            return
        self._initialised.set()
        waiting, gone = asyncio.ensure_future(self._tasks.get()), asyncio.ensure_future(connection.closed())
        try:
            await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            closed = gone.done()
            for future in (waiting, gone):
                future.cancel()
            await asyncio.wait({waiting, gone})
        task = None if waiting.cancelled() else waiting.result()
        if closed:
            if task:
                await self._tasks.put(task)
            raise BrokenError("the runtime closed the connection while it waited for an invocation")
        if task:
            task.taken = True
            await connection.answer(200, task.head, task.payload)

    async def _init_error(self, connection: Connection, headers: Mapping[str, str]) -> None:
        if self._initialised.is_set():
            await _whole(connection)
            await _refuse(connection, 403, "InvalidStateTransition", "the runtime has asked for an invocation already")
            return
        self._end = FunctionError.reported(headers.get(_TYPE, ""), await _whole(connection), usable=False)
        await _accept(connection)
        self._initialised.set()

    async def _answered(self, connection: Connection, headers: Mapping[str, str], ident: str, kind: str) -> None:
        task = self._current
        stale = headers.get("lambda-runtime-invocation-id", task.invocation_id if task else "")
        if task is None or (task.request_id, task.invocation_id) != (ident, stale) or not task.taken:
            await _whole(connection)
            await _refuse(connection, 400, "InvalidRequestID", "Invalid request ID")
        elif task.answered:
            await _whole(connection)
            await _refuse(connection, 403, "InvalidStateTransition", f"the invocation {ident} has an answer already")
        else:
            task.answered = True
            await _pass_on(connection, headers, kind, task.answer)


async def _pass_on(connection: Connection, headers: Mapping[str, str], kind: str, answer: Answer) -> None:
    try:
        if kind == "error":
            await answer.put(FunctionError.reported(headers.get(_TYPE, ""), await _whole(connection)))
        elif headers.get("lambda-runtime-function-response-mode", "").lower() == "streaming":
            await _streamed(connection, answer)
        elif len(whole := await _whole(connection)) > LIMIT:
            message = f"Response payload size exceeded maximum allowed payload size ({LIMIT} bytes)."
            await answer.put(FunctionError("Function.ResponseSizeTooLarge", message, usable=True))
            await _refuse(connection, 413, "RequestEntityTooLarge", message)
            return
        else:
            for part in (_Begin(), whole, None):
                await answer.put(part)
    except BrokenError as error:
        await answer.put(error)
        raise
    await _accept(connection)


async def _streamed(connection: Connection, answer: Answer) -> None:
    await answer.put(_Begin())
    async for data in connection.body():
        await answer.put(data)
    kind, body = connection.trailers.get(_TYPE, ""), connection.trailers.get(_BODY, "")
    await answer.put(FunctionError.reported(kind, _decoded(body)) if kind or body else None)


def _decoded(body: str) -> bytes:
    try:
        return base64.b64decode(body)
    except ValueError:
        return body.encode()


async def _whole(connection: Connection) -> bytes:
    """The body of the request, and of a body that is too long the first bytes, more than LIMIT."""
    body = bytearray()
    async for data in connection.body():
        if len(body) <= LIMIT:
            body += data
    return bytes(body)


async def _accept(connection: Connection) -> None:
    await connection.answer(202, {"Content-Type": "application/json"}, json.dumps(_ACCEPTED).encode())


async def _refuse(connection: Connection, status: int, kind: str, message: str) -> None:
    document = {"errorMessage": message, "errorType": kind}
    await connection.answer(status, {"Content-Type": "application/json"}, json.dumps(document).encode())
