"""The loop between Lambda's Runtime API and an ASGI app. It streams responses.

    next --> Function URL payload --> ASGI scope --> app --> prelude and body, streamed --> end of the body
               | unknown format                       | raises, or still runs at the deadline
               v                                      v
             /error                                 /error if the response has not begun, trailers if it has

The loop ends every response: otherwise Lambda waits, and bills, until the function's timeout. The loop does not run
the app's lifespan, because Lambda kills the process without a signal.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import NoReturn

from starlette.types import ASGIApp, Message

from sse_streaming import function_url
from sse_streaming.exchange import RuntimeApiError
from sse_streaming.failure import describe
from sse_streaming.runtime_api import Invocation, RuntimeApi, Upload

DEADLINE_MARGIN = 0.5
"""Seconds before the deadline at which the loop stops an app, so that there is time to end the response."""

_log = logging.getLogger(__name__)


async def run(address: str, create_app: Callable[[], ASGIApp]) -> NoReturn:
    """Create the app, then answer invocations until the process ends.

    Reports what `create_app` raises to Lambda and raises it again. Raises RuntimeApiError if the Runtime API cannot
    be reached.
    """
    api = RuntimeApi(address)
    try:
        app = create_app()
    except Exception as error:
        await api.init_error(describe(error))
        raise
    while True:
        await _answer(api, app, await api.next())


async def _answer(api: RuntimeApi, app: ASGIApp, invocation: Invocation) -> None:
    response = _Response(api, invocation)
    try:
        request = function_url.parse(invocation.payload, invocation.deadline)
        async with asyncio.timeout(invocation.deadline - DEADLINE_MARGIN - time.time()):
            await app(request.scope, request.receiver(after_body=response.disconnect), response.send)
        if not response.complete:
            raise RuntimeError("the app returned before its response was complete")
    except Exception as error:  # noqa: BLE001 - Lambda must get a report of every exception of the app
        _log.exception("The invocation failed")
        await response.fail(error)


class _Response:
    """The response to one invocation, as the app sends it through ASGI."""

    def __init__(self, api: RuntimeApi, invocation: Invocation) -> None:
        self.complete = False
        self._api = api
        self._invocation = invocation
        self._upload: Upload | None = None
        self._closed = asyncio.Event()

    async def disconnect(self) -> Message:
        """Wait until the Runtime API stops reading, then return `http.disconnect`, on which an app stops."""
        await self._closed.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send a part of the response: an ASGI `send`."""
        if message["type"] == "http.response.start":
            self._upload = await self._api.respond(self._invocation)
            self._upload.when_closed(self._closed.set)
            await self._upload.send(function_url.prelude(message["status"], message.get("headers", [])))
        elif message["type"] == "http.response.body" and self._upload is not None:
            await self._upload.send(message.get("body", b""))
            if not message.get("more_body", False):
                self.complete = True
                await self._upload.end()

    async def fail(self, error: Exception) -> None:
        """End the invocation with `error`: with /error if the response has not begun, with trailers if it has."""
        try:
            if self._upload is None:
                await self._api.error(self._invocation, describe(error))
            elif not self.complete:
                await self._upload.end(describe(error))
        except RuntimeApiError as rejection:
            _log.error("The end of the invocation did not reach Lambda: %s", rejection)
