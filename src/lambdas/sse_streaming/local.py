"""The function without Lambda: plain HTTP on a port, and the invoke route by which an emulator calls it.

The route is that of AWS's Runtime Interface Emulator. Its answer is what Lambda would be sent: the prelude,
eight NULs, the body, as they come.
"""

import os
import signal
import time
from types import FrameType

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sse_streaming import event
from sse_streaming.failure import describe

PORT = 8080
INVOKE_PATH = "/2015-03-31/functions/function/invocations"


class _Server(uvicorn.Server):
    """A server whose end is not delayed: uvicorn would wait for open streams, and then report each it cut."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        os._exit(0 if sig == signal.SIGTERM else 128 + sig)


def serve(app: ASGIApp, timeout_seconds: float, port: int = PORT) -> None:
    """Serve until SIGTERM or SIGINT, which end open streams too."""
    served = with_invoke_route(app, timeout_seconds)
    config = uvicorn.Config(served, host="0.0.0.0", port=port, lifespan="off", ws="none", log_level="warning")
    _Server(config).run()


def with_invoke_route(app: ASGIApp, timeout_seconds: float) -> ASGIApp:
    """Return an app that serves `app` and, at INVOKE_PATH, answers Function URL events with it."""

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == INVOKE_PATH and scope["method"] == "POST":
            await _invoke(app, timeout_seconds, Request(scope, receive), send)
        else:
            await app(scope, receive, send)

    return route


async def _invoke(app: ASGIApp, timeout_seconds: float, invocation: Request, send: Send) -> None:
    try:
        request = event.parse(await invocation.body(), time.time() + timeout_seconds)
    except event.UnknownEventError as error:
        # Lambda's Invoke says 200 too when the function failed, and tells by this header.
        answer = JSONResponse(describe(error).content, headers={"x-amz-function-error": "Unhandled"})
        await answer(invocation.scope, invocation.receive, send)
        return
    body: bytes | None = request.body

    async def receive() -> Message:
        nonlocal body
        if body is None:
            return await invocation.receive()
        message = {"type": "http.request", "body": body, "more_body": False}
        body = None
        return message

    async def send_with_prelude(message: Message) -> None:
        if message["type"] != "http.response.start":
            await send(message)
            return
        prelude = event.prelude(message["status"], message.get("headers", []))
        headers = [(b"content-type", event.PRELUDE_MEDIA_TYPE.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": prelude, "more_body": True})

    await app(request.scope, receive, send_with_prelude)
