"""One POST over HTTP/1.1 whose answer is read while it arrives; another task may cut it off."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import h11

_READ = 65536


class BrokenError(Exception):
    """The connection was refused or reset, or it closed before the answer was complete."""


class Answer:
    """An answer whose status line has arrived and whose body is still arriving."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.CLIENT)
        self.status = 0
        self.failed = False
        """Whether the function failed: the status is not 200, or there is an X-Amz-Function-Error."""

    async def begin(self, target: str, headers: Mapping[str, str], body: bytes) -> None:
        """Send the request and read the head of the answer. Raises BrokenError."""
        fields = {"Host": "function", "Connection": "close", "Content-Length": str(len(body)), **headers}
        request = h11.Request(method="POST", target=target, headers=list(fields.items()))
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            self._writer.write(self._http.send(event) or b"")
        while not isinstance(head := await self._next(), h11.Response):
            pass  # an interim response, such as 100 Continue
        self.status = head.status_code
        self.failed = self.status != 200 or any(name == b"x-amz-function-error" for name, _ in head.headers)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes, while they arrive. Raises BrokenError when the connection ends before the body."""
        while not isinstance(event := await self._next(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                yield bytes(event.data)

    def close(self) -> None:
        """Close the connection; a task that reads from it gets BrokenError."""
        self._writer.close()
        self._reader.feed_eof()

    async def _next(self) -> object:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(_READ))
        except (h11.RemoteProtocolError, OSError) as error:
            raise BrokenError(str(error)) from error
        if isinstance(event, h11.ConnectionClosed):
            raise BrokenError("closed without an answer")
        return event


async def post(address: tuple[str, int], target: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """POST to `target` at `address`; returns when the head of the answer has arrived. Raises BrokenError."""
    try:
        answer = Answer(*await asyncio.open_connection(*address))
    except OSError as error:
        raise BrokenError(str(error)) from error
    try:
        await answer.begin(target, headers, body)
    except BaseException:
        answer.close()
        raise
    return answer
