"""The loop between Lambda's Runtime API and an ASGI app, with response streaming.

    next --> Function URL event --> ASGI scope --> app --> prelude, bytes as they come --> clean terminator
               | unknown shape                      | raises, or is still busy at the deadline
               v                                    v
             /error                               /error before the response began, trailers after

A response is always brought to an end: Lambda would otherwise wait, and bill, until the timeout. The app's
lifespan is not run: Lambda kills the process without asking.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import NoReturn

from starlette.types import ASGIApp, Message

from sse_streaming import event
from sse_streaming.exchange import RuntimeApiError
from sse_streaming.failure import describe
from sse_streaming.runtime_api import Invocation, RuntimeApi, Upload

DEADLINE_MARGIN = 0.5
"""Seconds before the deadline at which a busy app is stopped, so that its end can still be sent."""

_log = logging.getLogger(__name__)


async def run(address: str, create: Callable[[], ASGIApp]) -> NoReturn:
    """Create the app and answer invocations for as long as the process lives.

    Raises what `create` raises, after telling Lambda; RuntimeApiError when the API is gone.
    """
    api = RuntimeApi(address)
    try:
        app = create()
    except Exception as error:
        await api.init_error(describe(error))
        raise
    while True:
        await _answer(api, app, await api.next())


async def _answer(api: RuntimeApi, app: ASGIApp, invocation: Invocation) -> None:
    response = _Response(api, invocation)
    try:
        request = event.parse(invocation.payload, invocation.deadline)
        response.request_body = request.body
        async with asyncio.timeout(invocation.deadline - DEADLINE_MARGIN - time.time()):
            await app(request.scope, response.receive, response.send)
        if not response.complete:
            raise RuntimeError("the app returned before its response was complete")
    except Exception as error:  # noqa: BLE001 - whatever the app raises, Lambda must hear of it
        _log.exception("The invocation failed")
        await response.fail(error)


class _Response:
    """The ASGI side of one invocation."""

    def __init__(self, api: RuntimeApi, invocation: Invocation) -> None:
        self.request_body: bytes | None = None
        self.complete = False
        self._api = api
        self._invocation = invocation
        self._upload: Upload | None = None
        self._closed = asyncio.Event()

    async def receive(self) -> Message:
        if self.request_body is not None:
            body, self.request_body = self.request_body, None
            return {"type": "http.request", "body": body, "more_body": False}
        # To an app, "disconnect" means: stop. So it is told only when it is true.
        await self._closed.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._upload = await self._api.respond(self._invocation)
            self._upload.when_closed(self._closed.set)
            await self._upload.send(event.prelude(message["status"], message.get("headers", [])))
        elif message["type"] == "http.response.body" and self._upload is not None:
            await self._upload.send(message.get("body", b""))
            if not message.get("more_body", False):
                self.complete = True
                await self._upload.end()

    async def fail(self, error: Exception) -> None:
        """Bring the invocation to an end, wherever it got to."""
        try:
            if self._upload is None:
                await self._api.error(self._invocation, describe(error))
            elif not self.complete:
                await self._upload.end(describe(error))
        except RuntimeApiError as refused:
            _log.error("The end of the invocation did not reach Lambda: %s", refused)
