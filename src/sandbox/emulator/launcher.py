"""Runs the emulator, mended and live, in this process: `python -m sandbox.emulator.launcher HOME HOST:PORT …`.

Started by `sandbox.cloud`, which sets the environment; ends on SIGTERM. HOME only says whose it is.
"""

import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from sandbox.emulator import configuration, live, patches, patches_lambda

Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Any, Send], Awaitable[None]]

ANSWER_DELAY = 0.005
"""Seconds a changing request is answered late, see `unhurried`."""


def named(app: App, home: str) -> App:
    """Who asks whether it is well is told whose emulator it is."""
    header = (configuration.WHOSE.encode(), home.encode())

    async def serve_one(scope: Any, receive: Any, send: Send) -> None:
        async def signed(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), header]}
            await send(message)

        asked = scope["type"] == "http" and scope["path"] == configuration.HEALTH
        await app(scope, receive, signed if asked else send)

    return serve_one


def unhurried(app: App) -> App:
    """Answers to changes of the control plane come 5 ms late.

    Answered within a millisecond, about one create in a hundred was sent twice by Terraform's AWS provider
    and failed with "already exists"; with this delay none in 195 runs. Reads, images and streams do not wait.
    """

    async def serve_one(scope: Any, receive: Any, send: Send) -> None:
        changing = scope["type"] == "http" and scope["method"] in {"POST", "PUT", "PATCH"}
        delayed = changing and not scope["path"].startswith(("/v2/", "/_"))

        async def later(message: Any) -> None:
            if delayed and message["type"] == "http.response.start":
                await asyncio.sleep(ANSWER_DELAY)
            await send(message)

        await app(scope, receive, later)

    return serve_one


def main(home: str, binds: Sequence[str]) -> None:
    """Serve at `binds`; the first is the endpoint that answers name."""
    endpoint = f"http://{binds[0]}"
    for mend in (*patches.mends(endpoint), *patches_lambda.mends(endpoint)):
        mend.apply()
    live.install()
    config = Config()
    config.bind = list(binds)
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    app = named(unhurried(importlib.import_module("ministack.app").app), home)
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
