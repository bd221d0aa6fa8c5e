"""The stack that the function replaces: FastAPI, sse-starlette and uvicorn. `python fastapi_app.py PORT`."""

import sys
from collections.abc import AsyncIterator

import fastapi
import uvicorn
from sse_starlette.sse import EventSourceResponse


async def events() -> AsyncIterator[dict[str, str]]:
    """Yield one event."""
    yield {"event": "hello", "data": '{"version": "1"}'}


async def stream() -> EventSourceResponse:
    """The stream."""
    return EventSourceResponse(events())


if __name__ == "__main__":
    app = fastapi.FastAPI()
    app.add_api_route("/api/v2/stream", stream)
    uvicorn.run(app, port=int(sys.argv[1]), http="h11", loop="asyncio", access_log=False, log_level="warning")
