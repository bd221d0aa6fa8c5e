"""One HTTP/1.1 request and its reply, each readable and writable while the other is still under way."""

import asyncio
from collections.abc import Sequence
from typing import Self

import h11

_READ_BYTES = 65_536

Headers = Sequence[tuple[str, str]]


class RuntimeApiError(OSError):
    """The Runtime API refused a request, closed the connection, or did not answer in time."""


class Exchange:
    """A request on a connection of its own.

    A connection costs about a tenth of a millisecond here, and one that a failure left half used is never met
    again. Every method raises RuntimeApiError when the other side is gone or breaks the protocol.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = h11.Connection(h11.CLIENT)

    @classmethod
    async def begin(cls, address: str, method: str, path: str, headers: Headers) -> Self:
        """Connect to `address` (host:port) and send the request's head."""
        host, _, port = address.rpartition(":")
        try:
            exchange = cls(*await asyncio.open_connection(host, int(port)))
        except OSError as error:
            raise RuntimeApiError(f"no connection to the Runtime API at {address}: {error}") from error
        request = h11.Request(method=method, target=path, headers=[("Host", address), *headers])
        try:
            await exchange.send(request)
        except BaseException:
            exchange.close()
            raise
        return exchange

    async def send(self, *events: h11.Event) -> None:
        """Send parts of the request in one write, and wait while the other side is slower than we are."""
        parts = [self._protocol.send(event) or b"" for event in events]
        try:
            self._writer.write(b"".join(parts))
            await self._writer.drain()
        except OSError as error:
            raise RuntimeApiError(f"the Runtime API stopped reading: {error}") from error

    async def reply(self) -> tuple[dict[str, str], bytes]:
        """Return the reply's headers, in lower case, and its body. Raises RuntimeApiError unless it is 2xx."""
        response: h11.Response | None = None
        body = []
        try:
            while not isinstance(event := await self._next(), h11.EndOfMessage | h11.ConnectionClosed):
                if isinstance(event, h11.Response):
                    response = event
                elif isinstance(event, h11.Data):
                    body.append(bytes(event.data))
        except (OSError, h11.RemoteProtocolError) as error:
            raise RuntimeApiError(f"the Runtime API broke off: {error}") from error
        if response is None:
            raise RuntimeApiError("the Runtime API closed the connection without a reply")
        if not 200 <= response.status_code < 300:
            text = b"".join(body)[:500].decode(errors="replace")
            raise RuntimeApiError(f"the Runtime API answered {response.status_code}: {text}")
        return {name.decode(): value.decode() for name, value in response.headers}, b"".join(body)

    def close(self) -> None:
        """Close the connection without waiting."""
        self._writer.close()

    async def _next(self) -> h11.Event:
        while (event := self._protocol.next_event()) is h11.NEED_DATA:
            self._protocol.receive_data(await self._reader.read(_READ_BYTES))
        assert isinstance(event, h11.Event)
        return event
