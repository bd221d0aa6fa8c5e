"""One invocation of a function whose answer is read while it is being written."""

import asyncio
import importlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from sandbox.emulator import containers, http_stream
from sandbox.emulator.containers import FunctionError

ROUTE = "/2015-03-31/functions/function/invocations"
"""Where an image takes invocations, as with AWS's Runtime Interface Emulator."""

INIT_SECONDS = 30.0
"""How long a new container may take to listen. Lambda gives 10 s; this machine may be busy with a build."""

_POLL = 0.02
_background: set[asyncio.Task[None]] = set()


class Run:
    """An invocation under way. The function's Timeout bounds it from its first to its last byte."""

    def __init__(self, lease: containers.Lease, request_id: str) -> None:
        self._request_id = request_id
        self._lease = lease
        self._timeout = int(lease.record["config"].get("Timeout", 3))
        self._began = asyncio.get_running_loop().time()
        self._answer: http_stream.Answer | None = None
        self._closed = False

    @classmethod
    async def begin(cls, record: dict[str, Any], event: Any, request_id: str) -> "Run":
        """Have a container start on `event`; returns once its answer begins.

        Raises:
            ThrottledError: see `containers.take`.
            FunctionError: no container, died, timed out, or answered with an error.
        """
        run = cls(await _thread(containers.in_scope_of, record, containers.take, record), request_id)
        try:
            run._answer = await run._start(json.dumps(event).encode())
            if run._answer.failed:
                raise await run._refusal(run._answer)
        except BaseException:
            run.close(failed=True)
            raise
        return run

    @property
    def deadline(self) -> float:
        """When the function must be done, on the event loop's clock."""
        return self._began + self._timeout

    async def chunks(self) -> AsyncIterator[bytes]:
        """The answer's bytes as they come; raises FunctionError if it does not end as it should."""
        if self._answer is None:
            raise RuntimeError("only a run that has begun has an answer")
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
            raise await _thread(self._lease.autopsy) from None
        finally:
            self.close(failed=True)

    def close(self, failed: bool) -> None:
        """Let go of the container: to the pool, or away with it. Only the first call counts."""
        if self._closed:
            return
        self._closed = True
        if self._answer is not None:
            self._answer.close()
        if not failed:
            self._lease.give_back()
        seconds = asyncio.get_running_loop().time() - self._began
        task = asyncio.create_task(_thread(self._settle, seconds, failed))
        _background.add(task)
        task.add_done_callback(_background.discard)

    def _settle(self, seconds: float, failed: bool) -> None:
        log = self._lease.log()
        if failed:
            self._lease.discard()
        containers.in_scope_of(self._lease.record, self._lease.report, self._request_id, seconds, log, failed)

    async def _start(self, event: bytes) -> http_stream.Answer:
        headers = {"Content-Type": "application/json", "X-Amzn-RequestId": self._request_id}
        given_up = time.monotonic() + INIT_SECONDS
        while (address := await _thread(self._lease.address)) is not None:
            self._began = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout_at(self.deadline):
                    return await http_stream.post(address, ROUTE, headers, event)
            except TimeoutError:
                raise self._timed_out() from None
            except http_stream.BrokenError:
                if not self._lease.fresh or time.monotonic() > given_up:
                    break
                await asyncio.sleep(_POLL)
        raise await _thread(self._lease.autopsy)

    async def _refusal(self, answer: http_stream.Answer) -> FunctionError:
        async with asyncio.timeout_at(self.deadline):
            body = b"".join([chunk async for chunk in answer.chunks()])
        try:
            told = json.loads(body)
            return FunctionError(told["errorType"], told["errorMessage"])
        except (ValueError, KeyError, TypeError):
            text = body[:500].decode(errors="replace")
            return FunctionError("Runtime.Unknown", f"The invoke route answered {answer.status}: {text}")

    def _timed_out(self) -> FunctionError:
        return FunctionError("Sandbox.Timedout", f"Task timed out after {self._timeout}.00 seconds")


async def _thread(call: Any, *args: Any) -> Any:
    """In a thread of its own: the work may call back into the emulator, so no pool of threads will do."""
    return await importlib.import_module("ministack.core.concurrency").run_reentrant(call, *args)
