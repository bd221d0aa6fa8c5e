"""Starlette and uvicorn: the least that streams events. `python starlette_app.py PORT`."""

import sys
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route


async def events() -> AsyncIterator[bytes]:
    """Yield one event."""
    yield b'event: hello\ndata: {"version": "1"}\n\n'


async def stream(_: Request) -> StreamingResponse:
    """The stream."""
    return StreamingResponse(events(), media_type="text/event-stream")


if __name__ == "__main__":
    app = Starlette(routes=[Route("/api/v2/stream", stream)])
    uvicorn.run(app, port=int(sys.argv[1]), http="h11", loop="asyncio", access_log=False, log_level="warning")
