"""The routes: `/` is a page, `/api/v2/stream` streams events, `/api/v2/stream/status` names the code that runs."""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sse_streaming import heartbeat, page, stream
from sse_streaming.function_url import CONTEXT
from sse_streaming.response import StreamResponse
from sse_streaming.settings import MAX_INTERVAL, MIN_INTERVAL, Settings
from sse_streaming.source import Source
from sse_streaming.sse import MEDIA_TYPE

MAX_EVENTS = 1000

_STREAM_HEADERS = {
    # Starlette would add a charset; the media type of an event stream has none.
    "content-type": MEDIA_TYPE,
    "cache-control": "no-cache, no-transform",
    # Without this header nginx collects the response before it passes the response on.
    "x-accel-buffering": "no",
}


@dataclass(frozen=True)
class _StreamQuery:
    """The parameters of a request for the stream; `interval` is in seconds. `after`: the id of the last event."""

    max_events: int | None
    interval: float
    after: str | None


def create(settings: Settings, source: Source | None = None) -> Starlette:
    """Return the ASGI app, whose streams have the events of `source`; without one, `hello` and heartbeats.

    The deadline of a request is that of the `Context` in its ASGI scope.
    """
    routes = [
        Route("/", page.endpoint, methods=["GET"]),
        Route("/api/v2/stream", _stream_endpoint(settings, source), methods=["GET"]),
        Route("/api/v2/stream/status", _status_endpoint(settings), methods=["GET"]),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _http_error, Exception: _server_error})
    # Every other path is a 404: Starlette would redirect a path that differs by a trailing slash.
    app.router.redirect_slashes = False
    return app


def _stream_endpoint(settings: Settings, source: Source | None) -> Callable[[Request], Awaitable[Response]]:
    made = source or (lambda interval, _last: heartbeat.events(settings.identity, interval))

    async def endpoint(request: Request) -> Response:
        query = _parse_query(request.query_params, settings.heartbeat_seconds)
        if request.method == "HEAD":
            return Response(headers=_STREAM_HEADERS)
        lifetime = stream.choose_lifetime(request.scope[CONTEXT].deadline - time.time())
        # The browser sends the header when it reconnects. A page that makes a new EventSource can only set a parameter.
        events = made(query.interval, request.headers.get("last-event-id") or query.after)
        return StreamResponse(stream.encode_events(events, query.max_events, lifetime), _STREAM_HEADERS)

    return endpoint


def _status_endpoint(settings: Settings) -> Callable[[Request], Awaitable[Response]]:
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


def _parse_query(query: QueryParams, default_interval: float) -> _StreamQuery:
    """Return the parameters. Raises HTTPException with status 400 for a malformed value."""
    events, interval = query.get("events"), query.get("interval")
    if events is not None and not (re.fullmatch("[0-9]{1,4}", events) and 1 <= int(events) <= MAX_EVENTS):
        raise HTTPException(400, f"events must be a whole number from 1 to {MAX_EVENTS}; try: ?events=3")
    if interval is None:
        seconds = default_interval
    elif re.fullmatch(r"[0-9]+(\.[0-9]+)?", interval):
        seconds = float(interval)
    else:
        seconds = 0.0
    if not MIN_INTERVAL <= seconds <= MAX_INTERVAL:
        allowed = f"from {MIN_INTERVAL} to {MAX_INTERVAL} seconds"
        raise HTTPException(400, f"interval must be {allowed}; try: ?interval=1")
    return _StreamQuery(int(events) if events else None, seconds, query.get("after") or None)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _server_error(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"error": "Internal Server Error"}, 500)
