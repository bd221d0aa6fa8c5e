"""The routes: `/api/v2/stream` is the stream, `/api/v2/stream/status` says who answers."""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from sse_streaming import session, source
from sse_streaming.event import DEADLINE
from sse_streaming.settings import LONGEST_INTERVAL, SHORTEST_INTERVAL, Settings
from sse_streaming.sse import MEDIA_TYPE

MOST_EVENTS = 1000

_HEADERS = {
    # Exactly this: Starlette would add a charset, which an event stream does not have.
    "content-type": MEDIA_TYPE,
    "cache-control": "no-cache, no-transform",
    # nginx and others that follow it would collect the stream before passing it on.
    "x-accel-buffering": "no",
}


@dataclass(frozen=True)
class _Query:
    events: int | None
    interval: float


def create(settings: Settings) -> Starlette:
    """Return the ASGI app. A scope may carry `event.DEADLINE`; without one the settings' timeout counts."""
    routes = [
        Route("/api/v2/stream", _stream(settings), methods=["GET"]),
        Route("/api/v2/stream/status", _status(settings), methods=["GET"]),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _refused, Exception: _failed})
    # The contract is "everything else is 404": no redirect to a path that differs by a slash.
    app.router.redirect_slashes = False
    return app


def _stream(settings: Settings) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        query = _parse(request.query_params, settings.heartbeat_seconds)
        if request.method == "HEAD":
            return Response(headers=_HEADERS)
        deadline = request.scope.get(DEADLINE, time.time() + settings.timeout_seconds)
        life = session.life_seconds(deadline - time.time())
        events = source.events(settings.identity, query.interval)
        return StreamingResponse(session.stream(events, query.events, life), headers=_HEADERS)

    return endpoint


def _status(settings: Settings) -> Callable[[Request], Awaitable[Response]]:
    started = time.monotonic()

    async def endpoint(_request: Request) -> Response:
        uptime = round(time.monotonic() - started, 3)
        return JSONResponse(
            {
                **asdict(settings.identity),
                "uptime_seconds": uptime,
                "heartbeat_seconds": settings.heartbeat_seconds,
            }
        )

    return endpoint


def _parse(query: QueryParams, default_interval: float) -> _Query:
    events, interval = query.get("events"), query.get("interval")
    if events is not None and not (re.fullmatch("[0-9]{1,4}", events) and 1 <= int(events) <= MOST_EVENTS):
        raise HTTPException(400, f"events must be a whole number from 1 to {MOST_EVENTS}; try: ?events=3")
    if interval is None:
        seconds = default_interval
    elif re.fullmatch(r"[0-9]+(\.[0-9]+)?", interval):
        seconds = float(interval)
    else:
        seconds = 0.0
    if not SHORTEST_INTERVAL <= seconds <= LONGEST_INTERVAL:
        allowed = f"from {SHORTEST_INTERVAL} to {LONGEST_INTERVAL} seconds"
        raise HTTPException(400, f"interval must be {allowed}; try: ?interval=1")
    return _Query(int(events) if events else None, seconds)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _failed(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"error": "Internal Server Error"}, 500)
