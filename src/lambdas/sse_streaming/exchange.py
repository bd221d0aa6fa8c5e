"""One HTTP/1.1 request to the Runtime API and its reply. The reply can be read while the request is being sent."""

import asyncio
from collections.abc import Sequence
from typing import Self

import h11

_READ_BYTES = 65_536

Headers = Sequence[tuple[str, str]]


class RuntimeApiError(OSError):
    """The Runtime API refused a request, closed the connection, or did not reply in time."""


class Exchange:
    """A request on its own connection.

    Each request opens a new connection. That costs about 0.1 ms, and a connection that broke in the middle of a
    request is never used again. Every method raises RuntimeApiError if the Runtime API closes the connection or
    breaks the protocol.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = h11.Connection(h11.CLIENT)

    @classmethod
    async def open(cls, address: str, method: str, path: str, headers: Headers) -> Self:
        """Connect to `address` (host:port) and send the head of the request."""
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

    async def send(self, *parts: h11.Event) -> None:
        """Send parts of the request in one write, and wait until the connection takes more."""
        encoded = [self._protocol.send(part) or b"" for part in parts]
        try:
            self._writer.write(b"".join(encoded))
            await self._writer.drain()
        except OSError as error:
            raise RuntimeApiError(f"the Runtime API stopped reading: {error}") from error

    async def reply(self) -> tuple[dict[str, str], bytes]:
        """Return the headers of the reply, with names in lower case, and its body.

        Raises RuntimeApiError if the status is not 2xx.
        """
        head: h11.Response | None = None
        body = []
        try:
            while not isinstance(part := await self._next_part(), h11.EndOfMessage | h11.ConnectionClosed):
                if isinstance(part, h11.Response):
                    head = part
                elif isinstance(part, h11.Data):
                    body.append(bytes(part.data))
        except (OSError, h11.RemoteProtocolError) as error:
            raise RuntimeApiError(f"the reply of the Runtime API broke off: {error}") from error
        if head is None:
            raise RuntimeApiError("the Runtime API closed the connection without a reply")
        if not 200 <= head.status_code < 300:
            text = b"".join(body)[:500].decode(errors="replace")
            raise RuntimeApiError(f"the Runtime API answered {head.status_code}: {text}")
        return {name.decode(): value.decode() for name, value in head.headers}, b"".join(body)

    def close(self) -> None:
        """Close the connection without waiting."""
        self._writer.close()

    async def _next_part(self) -> h11.Event:
        while (part := self._protocol.next_event()) is h11.NEED_DATA:
            self._protocol.receive_data(await self._reader.read(_READ_BYTES))
        assert isinstance(part, h11.Event)
        return part
