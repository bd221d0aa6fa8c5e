"""Lambda's Runtime API: the five requests of a runtime.

Sources: Lambda developer guide, "Using the Lambda runtime API for custom runtimes" and "Implementing response
streaming in a custom runtime".
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import h11

from sse_streaming.context import Context
from sse_streaming.exchange import Exchange, Headers, RuntimeApiError
from sse_streaming.failure import Failure
from sse_streaming.function_url import PRELUDE_MEDIA_TYPE

REPLY_SECONDS = 5.0
"""Seconds that the Runtime API has to accept a response or an error report."""

_ROOT = "/2018-06-01/runtime"

# Lambda may use a request id again. A runtime returns this header, so that Lambda can drop an answer to the earlier
# invocation (aws-lambda-python-runtime-interface-client, pull request 214).
_INVOCATION_ID = "lambda-runtime-invocation-id"


@dataclass(frozen=True)
class Invocation:
    """An invocation: its path in the API, its context and its payload.

    The runtime sends the headers `returned` back with its answer.
    """

    path: str
    context: Context
    payload: bytes
    returned: Headers


class Upload:
    """The body of a streamed response, on its way to the Runtime API."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._reply = asyncio.ensure_future(exchange.reply())

    async def send(self, data: bytes) -> None:
        """Send `data` at once. Raises RuntimeApiError if the API closed the connection or replied early."""
        if self._reply.done():
            self._reply.result()
            raise RuntimeApiError("the Runtime API answered before the response was complete")
        if data:
            await self._exchange.send(h11.Data(data))

    def when_closed(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the API stops reading: it has replied, or it has closed the connection."""
        self._reply.add_done_callback(lambda _: callback())

    async def end(self, failure: Failure | None = None) -> None:
        """End the body, with trailers if there is a failure, and wait until the API has accepted the response.

        Raises RuntimeApiError if the API does not accept it within REPLY_SECONDS.
        """
        trailers = [] if failure is None else failure.trailers
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                if not self._reply.done():
                    await self._exchange.send(h11.EndOfMessage(headers=trailers))
                await self._reply
        except TimeoutError as error:
            raise _late_reply() from error
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection. To the API, the response is cut off."""
        self._reply.cancel()
        self._exchange.close()


class RuntimeApi:
    """The Runtime API at `address`, which is the host:port of AWS_LAMBDA_RUNTIME_API.

    Every method raises RuntimeApiError if the API does not accept the request.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    async def next(self) -> Invocation:
        """Wait for the next invocation. There is no time limit: Lambda freezes the process during this request."""
        headers, payload = await self._get("/invocation/next")
        try:
            context = _context(headers)
        except (KeyError, ValueError) as error:
            raise RuntimeApiError(
                f"the Runtime API sent an invocation with a missing or wrong header: {error}"
            ) from error
        returned = [(name, value) for name, value in headers.items() if name == _INVOCATION_ID]
        return Invocation(f"{_ROOT}/invocation/{context.aws_request_id}", context, payload, returned)

    async def restored(self) -> None:
        """Let Lambda take its snapshot of this process, and wait until a process is restored from it.

        Source: Lambda developer guide, "Implementing SnapStart hooks for container images".
        """
        await self._get("/restore/next")

    async def respond(self, invocation: Invocation) -> Upload:
        """Begin the streamed response to an invocation."""
        headers = [
            ("Content-Type", PRELUDE_MEDIA_TYPE),
            ("Lambda-Runtime-Function-Response-Mode", "streaming"),
            ("Transfer-Encoding", "chunked"),
            ("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"),
            *invocation.returned,
        ]
        return Upload(await Exchange.open(self._address, "POST", f"{invocation.path}/response", headers))

    async def error(self, invocation: Invocation, failure: Failure) -> None:
        """Report that an invocation failed before its response began."""
        await self._report(f"{invocation.path}/error", failure, invocation.returned)

    async def init_error(self, failure: Failure) -> None:
        """Report that the function cannot start."""
        await self._report(f"{_ROOT}/init/error", failure, [])

    async def _get(self, path: str) -> tuple[dict[str, str], bytes]:
        exchange = await Exchange.open(self._address, "GET", f"{_ROOT}{path}", [])
        try:
            await exchange.send(h11.EndOfMessage())
            return await exchange.reply()
        finally:
            exchange.close()

    async def _report(self, path: str, failure: Failure, returned: Headers) -> None:
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(failure.body))),
            ("Lambda-Runtime-Function-Error-Type", failure.type),
            *returned,
        ]
        exchange = await Exchange.open(self._address, "POST", path, headers)
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                await exchange.send(h11.Data(failure.body), h11.EndOfMessage())
                await exchange.reply()
        except TimeoutError as error:
            raise _late_reply() from error
        finally:
            exchange.close()


def _context(headers: Mapping[str, str]) -> Context:
    """Return the context in the headers of an invocation. Raises KeyError or ValueError."""
    return Context(
        aws_request_id=headers["lambda-runtime-aws-request-id"],
        deadline=int(headers["lambda-runtime-deadline-ms"]) / 1000,
        invoked_function_arn=headers.get("lambda-runtime-invoked-function-arn", ""),
        trace_id=headers.get("lambda-runtime-trace-id", ""),
        tenant_id=headers.get("lambda-runtime-aws-tenant-id", ""),
    )


def _late_reply() -> RuntimeApiError:
    return RuntimeApiError(f"the Runtime API did not answer within {REPLY_SECONDS} s")
