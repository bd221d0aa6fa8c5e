"""`python -m sse_streaming`: inside Lambda answer its Runtime API, elsewhere serve HTTP on port 8080."""

import asyncio
import os
import signal
import sys

from starlette.types import ASGIApp


def main() -> None:
    """Run until the process is ended. Exits with 1 and a traceback when the function cannot start."""
    # As a container's first process Python would ignore SIGTERM, having no handler of its own for it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    address = os.environ.get("AWS_LAMBDA_RUNTIME_API")
    if address:
        from sse_streaming import runtime

        asyncio.run(runtime.run(address, _create))
    else:
        from sse_streaming import local, settings

        local.serve(_create(), settings.load(os.environ).timeout_seconds)


def _create() -> ASGIApp:
    # Imported here, so that a module that cannot be imported is an init error, not a silent exit.
    from sse_streaming import app, settings

    return app.create(settings.load(os.environ))


if __name__ == "__main__":
    main()
