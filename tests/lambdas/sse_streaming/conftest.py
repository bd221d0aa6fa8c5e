"""The function's tests use HTTP on loopback, without a cloud and without containers."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
from support.function.answers import answer_of
from support.function.fake_runtime_api import FakeRuntimeApi

from sse_streaming import app, runtime, settings
from sse_streaming.execution import Execution

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
    """`async with serving(app)`: the runtime runs in this event loop and passes the fake API's invocations to `app`.

    The value is the event that stops the runtime.
    """

    @asynccontextmanager
    async def serve(served, **how):
        stop = asyncio.Event()
        task = asyncio.create_task(runtime.run(api.address, lambda: served, Execution(**how), stop))
        try:
            yield stop
        finally:
            if not stop.is_set():  # a runtime that was stopped ends by itself
                task.cancel()
            async with asyncio.timeout(10):
                with suppress(asyncio.CancelledError):
                    await task

    return serve


@pytest.fixture
def request_to(function):
    """`request_to(target, method)`: the function's response to a request, which arrives through the runtime."""

    return lambda target, method="GET": asyncio.run(answer_of(function, target, method))
