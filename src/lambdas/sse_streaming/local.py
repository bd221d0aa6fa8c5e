"""Serve the function without Lambda: its routes over plain HTTP, and the invoke route of an emulator.

The invoke route is the route of AWS's Runtime Interface Emulator. It answers with the bytes that the function would
stream to Lambda: the prelude with its eight NULs, then the body, without collecting them first.
"""

import os
import signal
import time
from types import FrameType

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sse_streaming import function_url
from sse_streaming.failure import describe

PORT = 8080
INVOKE_PATH = "/2015-03-31/functions/function/invocations"


class _Server(uvicorn.Server):
    """A server that exits at once: uvicorn would wait for open streams and log an error for each of them."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        os._exit(0 if sig == signal.SIGTERM else 128 + sig)


def serve(app: ASGIApp, timeout_seconds: float, port: int = PORT) -> None:
    """Serve until SIGTERM or SIGINT. Either signal also ends open streams."""
    served = with_invoke_route(app, timeout_seconds)
    config = uvicorn.Config(served, host="0.0.0.0", port=port, lifespan="off", ws="none", log_level="warning")
    _Server(config).run()


def with_invoke_route(app: ASGIApp, timeout_seconds: float) -> ASGIApp:
    """Return an ASGI app that serves `app`, and passes the Function URL payloads posted to INVOKE_PATH to `app`."""

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == INVOKE_PATH and scope["method"] == "POST":
            await _invoke(app, timeout_seconds, Request(scope, receive), send)
        else:
            await app(scope, receive, send)

    return route


async def _invoke(app: ASGIApp, timeout_seconds: float, invocation: Request, send: Send) -> None:
    try:
        request = function_url.parse(await invocation.body(), time.time() + timeout_seconds)
    except function_url.UnknownEventError as error:
        # As Lambda's Invoke API does: the status is 200 for a failed function too, and this header marks the failure.
        answer = JSONResponse(describe(error).content, headers={"x-amz-function-error": "Unhandled"})
        await answer(invocation.scope, invocation.receive, send)
        return

    async def send_with_prelude(message: Message) -> None:
        if message["type"] != "http.response.start":
            await send(message)
            return
        prelude = function_url.prelude(message["status"], message.get("headers", []))
        headers = [(b"content-type", function_url.PRELUDE_MEDIA_TYPE.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": prelude, "more_body": True})

    await app(request.scope, request.receiver(after_body=invocation.receive), send_with_prelude)
