"""A server on 127.0.0.1 that plays a service of AWS, and keeps what a request did wrong."""

import asyncio


class LoopbackServer:
    """Use as `async with`. The end of the context raises AssertionError if a request was wrong.

    A subclass has `_serve(reader, writer)`, which adds its task to `_tasks`, and adds to `wrong` what is wrong.
    """

    def __init__(self):
        self.address = ""
        self.wrong = []
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks)
        assert not self.wrong
