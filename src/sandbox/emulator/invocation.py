"""One invocation of a function; its answer is read while the function writes it."""

import asyncio
import importlib
import json
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from sandbox.emulator import containers, logs, runtime_loop
from sandbox.emulator.failures import BrokenError, FunctionError
from sandbox.emulator.runtime_api import Task

INIT_SECONDS = 30.0
"""How long a runtime may take to ask for its first invocation. Lambda allows 10 s; this machine may be busy."""

_GOES_ON = 2.0  # seconds

Result = TypeVar("Result")

_background: set[asyncio.Task[None]] = set()


@dataclass(frozen=True)
class Call:
    """What a caller gives beside the event, as headers of the Lambda API.

    Attributes:
        client_context: the JSON text of X-Amz-Client-Context.
        cognito_identity: the JSON text of X-Amz-Cognito-Identity, which Lambda makes of a caller's credentials.
        tenant: X-Amz-Tenant-Id.
        trace: X-Amzn-Trace-Id.
    """

    client_context: str = ""
    cognito_identity: str = ""
    tenant: str = ""
    trace: str = ""

    def headers(self) -> dict[str, str]:
        """The headers of the Runtime API that pass it on to the runtime."""
        given = {
            "Lambda-Runtime-Client-Context": self.client_context,
            "Lambda-Runtime-Cognito-Identity": self.cognito_identity,
            "Lambda-Runtime-Aws-Tenant-Id": self.tenant,
        }
        return {"Lambda-Runtime-Trace-Id": _trace(self.trace), **{name: text for name, text in given.items() if text}}


_NOTHING = Call()
CALL: ContextVar[Call] = ContextVar("sandbox_call", default=_NOTHING)
"""That of the request that is served now."""


class Invocation:
    """An invocation in progress. The function's Timeout bounds it from its first to its last byte."""

    def __init__(self, lease: containers.Lease, request_id: str) -> None:
        self._request_id = request_id
        self._lease = lease
        self._timeout = int(lease.record["config"].get("Timeout", 3))
        self._began = asyncio.get_running_loop().time()
        self._task: Task | None = None
        self._closed = self._left = False

    @classmethod
    async def begin(cls, record: dict[str, Any], event: Any, request_id: str) -> "Invocation":
        """Start the function on `event`; returns when its answer begins.

        Raises:
            ThrottledError: see `containers.take`.
            FunctionError: there is no container, or it exited, timed out, or answered with an error.
        """
        payload = json.dumps(event).encode()
        while True:
            lease = await _thread(containers.in_scope_of, record, containers.take, record, CALL.get().tenant)
            invocation = cls(lease, request_id)
            try:
                await invocation._start(payload)
            except _GoneError:
                await _thread(lease.discard)
            except FunctionError as error:
                error.log = await invocation.log()
                invocation.close(error)
                raise
            except BaseException:
                invocation.close(BrokenError("cancelled"))
                raise
            else:
                return invocation

    @property
    def deadline(self) -> float:
        """The time at which the function must have finished, on the event loop's clock, in seconds."""
        return self._began + self._timeout

    async def chunks(self) -> AsyncIterator[bytes]:
        """The answer's bytes while they arrive. Raises FunctionError when it breaks or takes too long."""
        if self._task is None:
            raise RuntimeError("an invocation has an answer only after `begin`")
        try:
            while (part := await self._in_time(self._task.answer.part())) is not None:
                yield part
            self.close(None)
        except FunctionError as failure:
            failure.log = await self.log()
            self.close(failure)
            raise
        finally:
            self.leave()

    def leave(self) -> None:
        """Read what the function still answers, because its client has gone; without an effect after the end.

        On Lambda the function goes on. Here it may go on for two seconds, because a stream may have no end.
        """
        if not self._closed and not self._left:
            self._left = True
            _keep(asyncio.create_task(self._finish()))

    async def log(self) -> str:
        """What the function has written."""
        return logs.text(await _thread(self._lease.lines))

    def close(self, error: Exception | None) -> None:
        """Return the container to the pool, or remove it. Only the first call has an effect.

        Args:
            error: None after a complete answer; an error that the runtime reported leaves the runtime in order.
        """
        if self._closed:
            return
        self._closed = True
        usable = error is None or getattr(error, "usable", False)
        seconds = asyncio.get_running_loop().time() - self._began
        _keep(asyncio.create_task(_thread(self._report, seconds, error is not None, usable)))
        if usable:
            self._lease.give_back()

    async def _finish(self) -> None:
        error: Exception | None = BrokenError("its client has gone")
        try:
            async with asyncio.timeout(_GOES_ON):
                while self._task and await self._in_time(self._task.answer.part()) is not None:
                    pass
            error = None
        except FunctionError as failure:
            error = failure
        except TimeoutError:
            pass
        self.close(error)

    def _report(self, seconds: float, failed: bool, usable: bool) -> None:
        lines = self._lease.lines()
        if not usable:
            self._lease.discard()
        containers.in_scope_of(self._lease.record, self._lease.report, self._request_id, seconds, lines, failed)

    async def _start(self, payload: bytes) -> None:
        api, fresh = self._lease.api, self._lease.fresh
        try:
            async with asyncio.timeout(INIT_SECONDS):
                await runtime_loop.run(api.initialised())
        except TimeoutError:
            missing = f"the runtime asked for no invocation within {INIT_SECONDS:.0f} s of its start"
            raise FunctionError("Sandbox.Timedout", f"{missing}, at http://{self._lease.address}") from None
        except BrokenError:
            if not fresh:
                raise _GoneError from None
            raise await _thread(self._lease.failure) from None
        self._began = asyncio.get_running_loop().time()
        self._task = task = self._made(payload)
        try:
            await self._in_time(api.invoke(task))
        except FunctionError:
            if task.taken or fresh:
                raise
            raise _GoneError from None

    def _made(self, payload: bytes) -> Task:
        deadline = int((time.time() + self._timeout) * 1000)
        headers = {
            "Lambda-Runtime-Deadline-Ms": str(deadline),
            "Lambda-Runtime-Invoked-Function-Arn": self._lease.record["config"]["FunctionArn"],
            **CALL.get().headers(),
        }
        return Task(self._request_id, str(uuid.uuid4()), headers, payload)

    async def _in_time(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of something that the runtime does. Raises FunctionError when it takes too long, or exits."""
        try:
            async with asyncio.timeout_at(self.deadline):
                return await runtime_loop.run(work)
        except TimeoutError:
            raise FunctionError("Sandbox.Timedout", f"Task timed out after {self._timeout}.00 seconds") from None
        except BrokenError:
            raise await _thread(self._lease.failure) from None


class _GoneError(Exception):
    """A warm container ended before it took the invocation, which another one can take."""


def _trace(given: str) -> str:
    """The tracing header: that of the caller, or a new one that is not sampled (X-Ray guide, "Tracing header")."""
    root = next((part for part in given.split(";") if part.startswith("Root=")), "")
    if root and "Parent=" in given:
        return given
    root = root or f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"{root};Parent={secrets.token_hex(8)};Sampled=0"


async def _thread(call: Any, *args: Any) -> Any:
    """Call in a thread of its own: a pool could run out of threads when the call asks the emulator again."""
    return await importlib.import_module("ministack.core.concurrency").run_reentrant(call, *args)


def _keep(task: asyncio.Task[None]) -> None:
    """Hold a task in the background until it is done."""
    _background.add(task)
    task.add_done_callback(_background.discard)
