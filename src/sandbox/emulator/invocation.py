"""One invocation of a function; its answer is read while the function writes it."""

import asyncio
import importlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from sandbox.emulator import containers, http_stream
from sandbox.emulator.containers import FunctionError

ROUTE = "/2015-03-31/functions/function/invocations"
"""The path that an image is invoked at, as by AWS's Runtime Interface Emulator."""

INIT_SECONDS = 30.0
"""How long a new container may take to listen. Lambda allows 10 s; this machine may be busy with a build."""

_POLL = 0.02
_background: set[asyncio.Task[None]] = set()


class Invocation:
    """An invocation in progress. The function's Timeout bounds it from its first to its last byte."""

    def __init__(self, lease: containers.Lease, request_id: str) -> None:
        self._request_id = request_id
        self._lease = lease
        self._timeout = int(lease.record["config"].get("Timeout", 3))
        self._began = asyncio.get_running_loop().time()
        self._answer: http_stream.Answer | None = None
        self._closed = False

    @classmethod
    async def begin(cls, record: dict[str, Any], event: Any, request_id: str) -> "Invocation":
        """Start the function on `event`; returns when its answer begins.

        Raises:
            ThrottledError: see `containers.take`.
            FunctionError: there is no container, or it exited, timed out, or answered with an error.
        """
        lease = await _thread(containers.in_scope_of, record, containers.take, record)
        invocation = cls(lease, request_id)
        try:
            invocation._answer = await invocation._start(json.dumps(event).encode())
            if invocation._answer.failed:
                raise await invocation._error(invocation._answer)
        except BaseException:
            invocation.close(failed=True)
            raise
        return invocation

    @property
    def deadline(self) -> float:
        """The time at which the function must have finished, on the event loop's clock, in seconds."""
        return self._began + self._timeout

    async def chunks(self) -> AsyncIterator[bytes]:
        """The answer's bytes while they arrive. Raises FunctionError when it breaks or takes too long."""
        if self._answer is None:
            raise RuntimeError("an invocation has an answer only after `begin`")
        source = self._answer.chunks()
        try:
            while True:
                async with asyncio.timeout_at(self.deadline):
                    chunk = await anext(source)
                yield chunk
        except StopAsyncIteration:
            self.close(failed=False)
        except TimeoutError:
            raise self._timed_out() from None
        except http_stream.BrokenError:
            raise await _thread(self._lease.failure) from None
        finally:
            self.close(failed=True)

    def close(self, failed: bool) -> None:
        """Return the container to the pool; remove it after a failure. Only the first call has an effect."""
        if self._closed:
            return
        self._closed = True
        if self._answer is not None:
            self._answer.close()
        if not failed:
            self._lease.give_back()
        seconds = asyncio.get_running_loop().time() - self._began
        task = asyncio.create_task(_thread(self._report, seconds, failed))
        _background.add(task)
        task.add_done_callback(_background.discard)

    def _report(self, seconds: float, failed: bool) -> None:
        log = self._lease.log()
        if failed:
            self._lease.discard()
        containers.in_scope_of(self._lease.record, self._lease.report, self._request_id, seconds, log, failed)

    async def _start(self, event: bytes) -> http_stream.Answer:
        headers = {"Content-Type": "application/json", "X-Amzn-RequestId": self._request_id}
        give_up = time.monotonic() + INIT_SECONDS
        while (address := await _thread(self._lease.address)) is not None:
            self._began = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout_at(self.deadline):
                    return await http_stream.post(address, ROUTE, headers, event)
            except TimeoutError:
                raise self._timed_out() from None
            except http_stream.BrokenError:
                if not self._lease.fresh or time.monotonic() > give_up:
                    break
                await asyncio.sleep(_POLL)
        raise await _thread(self._lease.failure)

    async def _error(self, answer: http_stream.Answer) -> FunctionError:
        async with asyncio.timeout_at(self.deadline):
            body = b"".join([chunk async for chunk in answer.chunks()])
        try:
            document = json.loads(body)
            return FunctionError(document["errorType"], document["errorMessage"])
        except (ValueError, KeyError, TypeError):
            text = body[:500].decode(errors="replace")
            return FunctionError("Runtime.Unknown", f"The invoke route answered {answer.status}: {text}")

    def _timed_out(self) -> FunctionError:
        return FunctionError("Sandbox.Timedout", f"Task timed out after {self._timeout}.00 seconds")


async def _thread(call: Any, *args: Any) -> Any:
    """Call in a thread of its own: a pool could run out of threads when the call asks the emulator again."""
    return await importlib.import_module("ministack.core.concurrency").run_reentrant(call, *args)
