"""The answer of an ASGI app to one request, which arrives through the runtime."""

import asyncio
from contextlib import suppress

from support import function_url
from support.function.fake_runtime_api import FakeRuntimeApi

from sse_streaming import runtime


async def answer_of(app, target, method="GET", headers=None):
    """Return the app's response to a request for `target`, which may have a query."""
    path, _, query = target.partition("?")
    async with FakeRuntimeApi() as fake:
        task = asyncio.create_task(runtime.run(fake.address, lambda: app))
        invocation = fake.invoke(function_url.payload(path, query, method, headers))
        try:
            return function_url.response((await invocation.ended()).body)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
