"""A runtime's side of a connection to the sandbox's Runtime API, without a network."""

import asyncio
import json
from typing import Any

import h11

from sandbox.emulator.runtime_api import RuntimeApi

ROOT = "/2018-06-01/runtime"


class Runtime:
    """One connection of a runtime; use it on the loop of the API."""

    def __init__(self, api: RuntimeApi) -> None:
        self._http = h11.Connection(h11.CLIENT)
        self._requests = asyncio.StreamReader()
        self._answers = asyncio.StreamReader()
        self.serving = asyncio.ensure_future(api.serve(self._requests, _Writer(self._answers)))  # type: ignore[arg-type]

    async def next(self) -> dict[str, str]:
        """Ask for an invocation; returns the headers, without what they have in common."""
        self.begin("GET", "invocation/next")
        self.end()
        status, headers, _ = await self.answer()
        assert status == 200, status
        return {name.removeprefix("lambda-runtime-"): value for name, value in headers.items()}

    async def post(self, path: str, body: bytes, **headers: str) -> tuple[int, Any]:
        """Post a whole body; returns the status and the JSON answer."""
        self.begin("POST", path, Content_Length=str(len(body)), **headers)
        self.send(body)
        self.end()
        status, _, document = await self.answer()
        return status, json.loads(document)

    def begin(self, method: str, path: str, **headers: str) -> None:
        fields = [("Host", "api"), *((name.replace("_", "-"), value) for name, value in headers.items())]
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        self._feed(h11.Request(method=method, target=f"{ROOT}/{path}", headers=fields))

    def send(self, data: bytes) -> None:
        self._feed(h11.Data(data=data))

    def end(self, trailers: dict[str, str] | None = None) -> None:
        self._feed(h11.EndOfMessage(headers=list((trailers or {}).items())))

    def hang_up(self) -> None:
        self._requests.feed_eof()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        status, headers, body = 0, dict[str, str](), b""
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode(): value.decode() for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
        return status, headers, body

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._answers.read(65536))
        return event

    def _feed(self, event: Any) -> None:
        self._requests.feed_data(self._http.send(event) or b"")


class _Writer:
    """The writing half of the API's connection: its bytes arrive at the runtime."""

    def __init__(self, answers: asyncio.StreamReader) -> None:
        self._answers = answers

    def write(self, data: bytes) -> None:
        self._answers.feed_data(data)

    async def drain(self) -> None:
        await asyncio.sleep(0)

    def close(self) -> None:
        self._answers.feed_eof()
