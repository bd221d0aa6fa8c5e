"""Lambda's Runtime API: the four requests a runtime makes.

Sources: Lambda developer guide, "Using the Lambda runtime API for custom runtimes" and "Implementing response
streaming in a custom runtime".
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import h11

from sse_streaming.event import PRELUDE_MEDIA_TYPE
from sse_streaming.exchange import Exchange, Headers, RuntimeApiError
from sse_streaming.failure import Failure

REPLY_SECONDS = 5.0

_ROOT = "/2018-06-01/runtime"

# Echoed when it was given, so that Lambda can tell a stale answer to a request id that is used again
# (aws-lambda-python-runtime-interface-client, pull request 214).
_INVOCATION_ID = "lambda-runtime-invocation-id"


@dataclass(frozen=True)
class Invocation:
    """One event to answer: its path in the API, its deadline (seconds since the epoch), its payload."""

    path: str
    deadline: float
    payload: bytes
    echo: Headers


class Upload:
    """The body of a streamed response, and what the Runtime API says to it."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._reply = asyncio.ensure_future(exchange.reply())

    async def send(self, data: bytes) -> None:
        """Send bytes at once. Raises RuntimeApiError when the API has closed or has already answered."""
        if self._reply.done():
            self._reply.result()
            raise RuntimeApiError("the Runtime API answered before the response was complete")
        if data:
            await self._exchange.send(h11.Data(data))

    def when_closed(self, call: Callable[[], None]) -> None:
        """Have `call` called once the API reads no further, be it that it has all or that it has left."""
        self._reply.add_done_callback(lambda _: call())

    async def end(self, failure: Failure | None = None) -> None:
        """Terminate the body, with trailers if it failed, and return once the API has accepted it.

        Raises RuntimeApiError when it does not within REPLY_SECONDS.
        """
        trailers = [] if failure is None else failure.trailers
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                if not self._reply.done():
                    await self._exchange.send(h11.EndOfMessage(headers=trailers))
                await self._reply
        except TimeoutError as error:
            raise RuntimeApiError(f"the Runtime API did not answer within {REPLY_SECONDS} s") from error
        finally:
            self.close()

    def close(self) -> None:
        """Drop the connection; the API sees a response without its end."""
        self._reply.cancel()
        self._exchange.close()


class RuntimeApi:
    """The Runtime API at `address`, the host:port of AWS_LAMBDA_RUNTIME_API.

    Every method raises RuntimeApiError when the API does not accept the request.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    async def next(self) -> Invocation:
        """Wait for the next invocation, however long: Lambda freezes the process in here."""
        exchange = await Exchange.begin(self._address, "GET", f"{_ROOT}/invocation/next", [])
        try:
            await exchange.send(h11.EndOfMessage())
            headers, payload = await exchange.reply()
        finally:
            exchange.close()
        try:
            path = f"{_ROOT}/invocation/{headers['lambda-runtime-aws-request-id']}"
            deadline = int(headers["lambda-runtime-deadline-ms"]) / 1000
        except (KeyError, ValueError) as error:
            raise RuntimeApiError(f"the Runtime API sent an invocation without its headers: {error}") from error
        echo = [(name, value) for name, value in headers.items() if name == _INVOCATION_ID]
        return Invocation(path, deadline, payload, echo)

    async def respond(self, invocation: Invocation) -> Upload:
        """Begin the streamed response to an invocation."""
        headers = [
            ("Content-Type", PRELUDE_MEDIA_TYPE),
            ("Lambda-Runtime-Function-Response-Mode", "streaming"),
            ("Transfer-Encoding", "chunked"),
            ("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"),
            *invocation.echo,
        ]
        return Upload(await Exchange.begin(self._address, "POST", f"{invocation.path}/response", headers))

    async def error(self, invocation: Invocation, failure: Failure) -> None:
        """Say that an invocation failed before its response began."""
        await self._report(f"{invocation.path}/error", failure, invocation.echo)

    async def init_error(self, failure: Failure) -> None:
        """Say that the function could not start."""
        await self._report(f"{_ROOT}/init/error", failure, [])

    async def _report(self, path: str, failure: Failure, echo: Headers) -> None:
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(failure.body))),
            ("Lambda-Runtime-Function-Error-Type", failure.type),
            *echo,
        ]
        exchange = await Exchange.begin(self._address, "POST", path, headers)
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                await exchange.send(h11.Data(failure.body), h11.EndOfMessage())
                await exchange.reply()
        except TimeoutError as error:
            raise RuntimeApiError(f"the Runtime API did not answer within {REPLY_SECONDS} s") from error
        finally:
            exchange.close()
