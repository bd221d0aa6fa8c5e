"""The function's tests: no cloud, no container; real HTTP on loopback."""

import asyncio
import socket
import sys
import threading
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import uvicorn

from sse_streaming import app, local, runtime, settings

# The helpers beside the tests: "lambda" is a keyword, so no dotted name leads here.
sys.path.insert(0, str(Path(__file__).parent))

from fake_runtime_api import FakeRuntimeApi

ENVIRONMENT = {
    "AWS_LAMBDA_FUNCTION_VERSION": "7",
    "COMMIT": "0123abc",
    "IMAGE_DIGEST": "sha256:feed",
    "HEARTBEAT_SECONDS": "0.05",
}


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def function():
    """The ASGI app as it is shipped, with a fast heartbeat."""
    return app.create(settings.load(ENVIRONMENT))


@pytest.fixture
async def api():
    async with FakeRuntimeApi() as fake:
        yield fake


@pytest.fixture
def serving(api):
    """`async with serving(app)`: our runtime answers the fake API's invocations with `app`, in this event loop."""

    @asynccontextmanager
    async def serve(served):
        task = asyncio.create_task(runtime.run(api.address, lambda: served))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return serve


@pytest.fixture(scope="module")
def local_port(function):
    """The port of a local server, in a thread, that serves the function and its invoke route."""
    served = local.with_invoke_route(function, timeout_seconds=60)
    config = uvicorn.Config(served, lifespan="off", ws="none", log_level="critical")
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = server.force_exit = True
    thread.join(5)
