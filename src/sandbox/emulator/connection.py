"""One connection of a runtime to its Runtime API, over HTTP/1.1; with trailers, which ASGI does not have."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

import h11

from sandbox.emulator.failures import BrokenError

_READ = 65536


class Connection:
    """The API's side of one connection, which a runtime may use for several requests."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.SERVER)
        self.trailers: dict[str, str] = {}
        """Those of the last request, with names in lower case; complete when its body has been read."""

    async def request(self) -> h11.Request | None:
        """The head of the next request; None when the runtime has closed the connection.

        Raises:
            BrokenError: the connection broke, or this is no HTTP.
        """
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        if self._http.our_state is not h11.IDLE:
            return None  # the runtime asked to close the connection after this answer
        event = await self._next()
        return event if isinstance(event, h11.Request) else None

    async def body(self) -> AsyncIterator[bytes]:
        """The bytes of the request's body while they arrive. Raises BrokenError when it ends too early."""
        while not isinstance(event := await self._next(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise BrokenError("the runtime closed the connection before the end of its request")
            yield bytes(event.data)
        self.trailers = {name.decode().lower(): value.decode("latin-1") for name, value in event.headers}

    async def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Answer the request. Raises BrokenError when the runtime has gone."""
        fields = {**headers, "Content-Length": str(len(body))}
        response = h11.Response(status_code=status, headers=list(fields.items()))
        await self._send(response, h11.Data(data=body), h11.EndOfMessage())

    async def closed(self) -> None:
        """Return when the runtime closes the connection, which has no more to say until it is answered."""
        with contextlib.suppress(OSError):
            await self._reader.read(_READ)

    def close(self) -> None:
        """Close it; whoever reads from it gets BrokenError."""
        self._writer.close()
        self._reader.feed_eof()

    async def _next(self) -> object:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    await self._send(h11.InformationalResponse(status_code=100, headers=[]))
                self._http.receive_data(await self._reader.read(_READ))
        except (h11.RemoteProtocolError, OSError) as error:
            raise BrokenError(str(error)) from error
        return event

    async def _send(self, *events: h11.Event) -> None:
        try:
            self._writer.write(b"".join(self._http.send(event) or b"" for event in events))
            await self._writer.drain()
        except (h11.LocalProtocolError, OSError) as error:
            raise BrokenError(str(error)) from error
