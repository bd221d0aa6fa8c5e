"""`python -m sse_streaming`: serve Lambda's Runtime API inside Lambda, and plain HTTP on port 8080 elsewhere."""

import asyncio
import os
import signal
import sys

from starlette.types import ASGIApp


def main() -> None:
    """Serve until the process is stopped. SIGTERM gives exit code 0.

    If the function cannot start, the process prints a traceback and exits with code 1.
    """
    # A container's first process ignores SIGTERM unless it has a handler, and Python installs none.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    address = os.environ.get("AWS_LAMBDA_RUNTIME_API")
    if address:
        from sse_streaming import runtime

        asyncio.run(runtime.run(address, _create_app))
    else:
        from sse_streaming import local, settings

        local.serve(_create_app(), settings.load(os.environ).timeout_seconds)


def _create_app() -> ASGIApp:
    # The imports stand here so that the runtime can report an import error to Lambda as an init error.
    from sse_streaming import app, settings

    return app.create(settings.load(os.environ))


if __name__ == "__main__":
    main()
