"""Pass an invocation's bytes on to the client for as long as the client is connected."""

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from sandbox.emulator.failures import FunctionError
from sandbox.emulator.invocation import Invocation

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Runner = Callable[[Send, Receive], Awaitable[None]]


def streaming_response(runner: Runner) -> Any:
    """The emulator's value for a body that `runner` writes."""
    return importlib.import_module("ministack.core.responses").StreamingResponse(runner)


def relay(
    invocation: Invocation,
    first: bytes,
    chunks: AsyncIterator[bytes],
    frame: Callable[[bytes], bytes],
    last: Callable[[FunctionError | None], bytes | None],
) -> Runner:
    """A writer of an answer's body: `first` and `chunks`, each put into a frame by `frame`, then the end.

    `last` makes the end from the error of the invocation, if it failed. It returns None to leave the body without an
    end, as AWS does when a stream breaks. When the client disconnects, the invocation is left.
    """

    async def write(send: Send, receive: Receive) -> None:
        async def pass_on() -> None:
            error = None
            try:
                if first:
                    await _send(send, frame(first), invocation.deadline)
                async for chunk in chunks:
                    await _send(send, frame(chunk), invocation.deadline)
            except FunctionError as failure:
                error = failure
            if (end := last(error)) is not None:
                await send({"type": "http.response.body", "body": end, "more_body": False})

        try:
            await _until_gone(receive, asyncio.create_task(pass_on()))
        finally:
            invocation.leave()

    return write


async def _send(send: Send, body: bytes, deadline: float) -> None:
    """Send; a client that reads nothing cannot hold the function longer than its Timeout."""
    try:
        async with asyncio.timeout_at(deadline):
            await send({"type": "http.response.body", "body": body, "more_body": True})
    except TimeoutError:
        raise FunctionError("Sandbox.Timedout", "The client did not read the answer in time.") from None


async def _until_gone(receive: Receive, work: asyncio.Task[None]) -> None:
    gone = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
    finally:
        for task in (work, gone):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
