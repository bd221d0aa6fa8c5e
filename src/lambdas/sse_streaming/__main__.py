"""`python -m sse_streaming`: answer the invocations of Lambda's Runtime API."""

import asyncio
import os
import signal
import sys

from starlette.types import ASGIApp

from sse_streaming import execution, log, runtime


def main() -> None:
    """Serve until the process is stopped. SIGTERM gives exit code 0.

    If the function cannot start, the process prints the reason and exits with code 1.
    """
    # A container's first process ignores SIGTERM unless it has a handler, and Python installs none.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    address = os.environ.get("AWS_LAMBDA_RUNTIME_API")
    if not address:
        sys.exit(
            "AWS_LAMBDA_RUNTIME_API is not set: only Lambda, or an emulator of Lambda, can start this function; "
            "try: ./dev invoke deploy --env sandbox"
        )
    log.configure(os.environ)
    asyncio.run(_serve(address))


async def _serve(address: str) -> None:
    stop = asyncio.Event()

    def create_app() -> ASGIApp:
        # The imports stand here so that the runtime can report an import error to Lambda as an init error.
        from sse_streaming import app, settings, source

        loaded = settings.load(os.environ)
        created = app.create(loaded, source.create(loaded, os.environ))
        # From now on there may be streams, and SIGTERM lets them end.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        return created

    await runtime.run(address, create_app, execution.load(os.environ), stop)


if __name__ == "__main__":
    main()
