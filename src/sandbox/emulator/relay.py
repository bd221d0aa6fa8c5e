"""Passing a run's bytes on to whoever asked for them, for as long as they listen."""

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from sandbox.emulator.containers import FunctionError
from sandbox.emulator.invocation import Run

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Runner = Callable[[Send, Receive], Awaitable[None]]


def streaming(runner: Runner) -> Any:
    """The emulator's marker for a body that `runner` writes."""
    return importlib.import_module("ministack.core.responses").StreamingResponse(runner)


def relay(
    run: Run,
    first: bytes,
    chunks: AsyncIterator[bytes],
    frame: Callable[[bytes], bytes],
    last: Callable[[FunctionError | None], bytes | None],
) -> Runner:
    """Write `first` and `chunks`, each in its `frame`, then what `last` says of how the run ended.

    `last` returns None to leave the body without an end, as AWS does when a stream breaks. When the client
    goes away the run is closed at once.
    """

    async def write(send: Send, receive: Receive) -> None:
        async def pass_on() -> None:
            error = None
            try:
                if first:
                    await _send(send, frame(first), run.deadline)
                async for chunk in chunks:
                    await _send(send, frame(chunk), run.deadline)
            except FunctionError as failure:
                error = failure
            if (end := last(error)) is not None:
                await send({"type": "http.response.body", "body": end, "more_body": False})

        try:
            await _until_gone(receive, asyncio.create_task(pass_on()))
        finally:
            run.close(failed=True)

    return write


async def _send(send: Send, body: bytes, deadline: float) -> None:
    """A client that reads nothing does not keep the function longer than its Timeout."""
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
