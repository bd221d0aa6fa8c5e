"""The loops between Lambda's Runtime API and an ASGI app. They stream responses.

    next --> Function URL payload --> ASGI scope --> app --> prelude and body, streamed --> end of the body
               | unknown format                       | raises, or still runs at the deadline
               v                                      v
             /error                                 /error if the response has not begun, trailers if it has

A loop ends every response: otherwise Lambda waits, and bills, until the function's timeout. Each loop has one
invocation at a time. On Lambda Managed Instances there are as many loops as Lambda gives the process invocations at a
time. The loops do not run the app's lifespan, because Lambda usually kills the process without a signal.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Send

from sse_streaming import context, function_url
from sse_streaming.exchange import RuntimeApiError
from sse_streaming.execution import Execution
from sse_streaming.failure import describe
from sse_streaming.report import Report
from sse_streaming.runtime_api import Invocation, RuntimeApi, Upload

DEADLINE_MARGIN = 0.5
"""Seconds before the deadline at which a loop stops an app, so that there is time to end the response."""
STOP_SECONDS = 0.3
"""Seconds that an app has to return after the process was asked to stop. Lambda kills a process 0.5 s after SIGTERM at
the earliest (Lambda developer guide, "Understanding the Lambda execution environment lifecycle", "Shutdown phase")."""

_log = logging.getLogger(__name__)


async def run(
    address: str,
    create_app: Callable[[], ASGIApp],
    execution: Execution | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Create the app, then answer invocations until `stop` is set.

    Reports what `create_app` raises to Lambda and raises it again. Raises RuntimeApiError if the Runtime API cannot
    be reached.
    """
    execution = execution or Execution()
    api = RuntimeApi(address)
    try:
        app = create_app()
    except Exception as error:
        await api.init_error(describe(error))
        raise
    if execution.snapshot:
        await api.restored()
    await _Loops(api, app, execution, stop or asyncio.Event()).run()


class _Loops:
    """The loops of one process; they share the app."""

    def __init__(self, api: RuntimeApi, app: ASGIApp, execution: Execution, stop: asyncio.Event) -> None:
        self._api = api
        self._app = app
        self._execution = execution
        self._stop = stop
        self._idle: set[asyncio.Task[None]] = set()
        self._responses: set[_Response] = set()

    async def run(self) -> None:
        """Run until `stop` is set and every response has ended. Raises what ends a loop."""
        loops = [asyncio.create_task(self._loop()) for _ in range(self._execution.concurrency)]
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((stop, *loops), return_when=asyncio.FIRST_COMPLETED)
            if stop.done():
                self._end()
                await asyncio.wait(loops)
            for loop in loops:
                if loop.done() and not loop.cancelled():
                    loop.result()
        finally:
            for task in (stop, *loops):
                task.cancel()
            await asyncio.gather(stop, *loops, return_exceptions=True)

    def _end(self) -> None:
        """End the loops that wait for an invocation; the apps of the other loops get a little time to end theirs."""
        for loop in self._idle:
            loop.cancel()
        for response in self._responses:
            response.stop()

    async def _loop(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        while not self._stop.is_set():
            self._idle.add(task)
            invocation = await self._api.next()
            self._idle.discard(task)
            response = _Response(self._api, invocation)
            self._responses.add(response)
            await self._answer(invocation, response)
            self._responses.discard(response)

    async def _answer(self, invocation: Invocation, response: "_Response") -> None:
        report = Report(invocation.context)
        context.current.set(invocation.context)
        try:
            request = function_url.parse(invocation.payload, invocation.context)
            await response.run(self._app, request, report)
            await response.finish()
        except Exception as error:  # noqa: BLE001 - Lambda must get a report of every exception of the app
            _log.exception("The invocation failed")
            await response.fail(error)
        report.end(response.ending, self._execution)
        context.current.set(None)


class _Response:
    """The response to one invocation, as the app sends it through ASGI.

    `ending`: why the response has ended, for the report.
    """

    def __init__(self, api: RuntimeApi, invocation: Invocation) -> None:
        self.ending = "error"
        self._limit = asyncio.timeout(invocation.context.deadline - DEADLINE_MARGIN - time.time())
        self._api = api
        self._invocation = invocation
        self._upload: Upload | None = None
        self._running = self._complete = self._stopping = False
        self._closed = asyncio.Event()

    async def run(self, app: ASGIApp, request: function_url.Request, report: Report) -> None:
        """Run the app until it returns. Raises what the app raises, and TimeoutError shortly before the deadline."""
        async with self._limit:
            self._running = True
            try:
                await app(request.scope, request.receiver(self._disconnect), self._sender(report))
            finally:
                self._running = False

    def stop(self) -> None:
        """Ask the app to end its response: with `http.disconnect`, and STOP_SECONDS later by force."""
        self._stopping = True
        self._closed.set()
        latest = asyncio.get_running_loop().time() + STOP_SECONDS
        if self._running and not self._limit.expired():
            self._limit.reschedule(min(latest, self._limit.when() or latest))

    async def finish(self) -> None:
        """End a response whose app has returned. Raises RuntimeError if the app had to send more."""
        if self._complete:
            return
        if not (self._stopping and self._upload):
            raise RuntimeError("the app returned before its response was complete")
        self.ending = "stopped"
        await self._upload.end()

    async def fail(self, error: Exception) -> None:
        """End the invocation with `error`: with /error if the response has not begun, with trailers if it has."""
        if self._closed.is_set() and not self._complete:
            self.ending = "stopped" if self._stopping else "disconnected"
        elif self._limit.expired():
            self.ending = "deadline"
        try:
            if self._upload is None:
                await self._api.error(self._invocation, describe(error))
            elif not self._complete:
                await self._upload.end(describe(error))
        except RuntimeApiError as rejection:
            _log.error("The end of the invocation did not reach Lambda: %s", rejection)

    async def _disconnect(self) -> Message:
        """Wait until the Runtime API stops reading or the process stops, then return `http.disconnect`.

        On this message an app stops.
        """
        await self._closed.wait()
        return {"type": "http.disconnect"}

    def _sender(self, report: Report) -> Send:
        """Return an ASGI `send`, which sends a part of the response and counts it."""

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                report.start(headers)
                self._upload = await self._api.respond(self._invocation)
                self._upload.when_closed(self._closed.set)
                await self._upload.send(function_url.prelude(message["status"], headers))
            elif message["type"] == "http.response.body" and self._upload is not None:
                body = message.get("body", b"")
                await self._upload.send(body)
                report.sent(body)
                if message.get("more_body", False):
                    # An app whose next part is always ready never waits, and would let no other stream run.
                    await asyncio.sleep(0)
                else:
                    self._complete, self.ending = True, "complete"
                    await self._upload.end()

        return send
