"""HTTP/1.1 to one server over kept connections. A request takes an idle connection, or opens one."""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

_READ_BYTES = 65_536
_MAX_IDLE = 4

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Request:
    """A request. The names of the headers are in lower case; `host` and `content-length` are added."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """The answer to a request. The names of the headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class HttpClient:
    """The server at `url` (scheme://host:port), whose requests may run at the same time.

    A server closes a connection that is idle for long, and Lambda freezes the process between invocations. So a request
    that fails on a kept connection is sent once more on a new one: send only what may be done twice.
    """

    def __init__(self, url: str, seconds: float) -> None:
        self._url, self._seconds = urlsplit(url), seconds
        self._idle: list[_Streams] = []
        self._tls: ssl.SSLContext | None = None

    @property
    def host(self) -> str:
        """The value of the header `host`."""
        return self._url.netloc

    async def send(self, request: Request) -> Answer:
        """Return the answer. Raises OSError if there is none within `seconds` (TimeoutError is an OSError)."""
        async with asyncio.timeout(self._seconds):
            while self._idle:
                with contextlib.suppress(OSError):
                    return await self._exchange(self._idle.pop(), request)
                self._drop_idle()  # the others are as old
            return await self._exchange(await self._open(), request)

    async def _open(self) -> _Streams:
        secure = self._url.scheme == "https"
        if secure and self._tls is None:
            # It reads the certificates of the system, which takes tens of milliseconds.
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        port = self._url.port or (443 if secure else 80)
        return await asyncio.open_connection(self._url.hostname, port, ssl=self._tls if secure else None)

    async def _exchange(self, streams: _Streams, request: Request) -> Answer:
        """Return the answer, and keep the connection if the server does. Raises OSError."""
        reader, writer = streams
        protocol = h11.Connection(h11.CLIENT)
        complete = False
        try:
            headers = [("host", self.host), *request.headers, ("content-length", str(len(request.body)))]
            head = h11.Request(method=request.method, target=request.target, headers=headers)
            parts: list[h11.Event] = [head, h11.Data(request.body), h11.EndOfMessage()]
            writer.write(b"".join(protocol.send(part) or b"" for part in parts))
            await writer.drain()
            answer = await _answer(protocol, reader)
            complete = protocol.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}
            return answer
        except h11.RemoteProtocolError as error:
            raise OSError(f"the answer is not HTTP: {error}") from error
        finally:
            if complete and len(self._idle) < _MAX_IDLE:
                self._idle.append(streams)
            else:
                writer.close()

    def _drop_idle(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()


async def _answer(protocol: h11.Connection, reader: asyncio.StreamReader) -> Answer:
    head: h11.Response | None = None
    body: list[bytes] = []
    while not isinstance(part := protocol.next_event(), h11.EndOfMessage):
        if part is h11.NEED_DATA:
            protocol.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(part, h11.Response):
            head = part
        elif isinstance(part, h11.Data):
            body.append(bytes(part.data))
        elif isinstance(part, h11.ConnectionClosed):
            raise ConnectionResetError("the server closed the connection")
    assert head is not None  # h11 gives the end of a message only after its head
    return Answer(head.status_code, {name.decode(): value.decode() for name, value in head.headers}, b"".join(body))
