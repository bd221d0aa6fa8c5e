"""The function's tests use HTTP on loopback, without a cloud and without containers."""

import asyncio
import socket
import threading
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from support.function.fake_runtime_api import FakeRuntimeApi

from sse_streaming import app, local, runtime, settings

ENVIRONMENT = {
    "AWS_LAMBDA_FUNCTION_VERSION": "7",
    "HEARTBEAT_SECONDS": "0.05",
}


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def function():
    """The function's ASGI app with a fast heartbeat."""
    return app.create(settings.load(ENVIRONMENT))


@pytest.fixture
async def api():
    async with FakeRuntimeApi() as fake:
        yield fake


@pytest.fixture
def serving(api):
    """`async with serving(app)`: the runtime runs in this event loop and passes the fake API's invocations to `app`."""

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
    """The port of a server in a thread. It serves the function's routes and the invoke route."""
    served = local.with_invoke_route(function, timeout_seconds=60)
    config = uvicorn.Config(served, lifespan="off", ws="none", log_level="critical")
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = server.force_exit = True
    thread.join(5)
