"""The events of a stream with a table: `hello`, then each event of the feed once and in order, and heartbeats.

    Last-Event-ID: 41 --> the next event is 42?  yes: hello (id 41), 42, 43, ..., and then what comes
                                                 no:  hello (id of the newest), reset, and then what comes
    none              --> hello (id of the newest), and then what comes

The places of a feed are 1, 2, 3, ...: a missing event shows. DynamoDB deletes expired events in any order, and days
late; a read that is not consistent may be behind. The newest event never expires, so no place is used twice.
The table may be missing, throttled or slow. Then the stream says so once, goes on with heartbeats, and asks again.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

from sse_streaming import heartbeat
from sse_streaming.dynamodb import EventTable, Item, Page, TableError
from sse_streaming.settings import Identity
from sse_streaming.sse import Event

FEED = "main"
"""The value of the hash key `feed`: a table has one feed."""
POLL_SECONDS = 1.0
"""Seconds between two reads of a feed without new events."""

_OPEN_SECONDS = 2.0
_PAGE_EVENTS = 100
_MAX_PAUSE = 30.0
_ID = re.compile("0|[1-9][0-9]{0,15}")
_ILLEGAL = re.compile(r"[\r\n\0]")
_SHOWN = 64

_log = logging.getLogger(__name__)


_NOTHING = Page(())


@dataclass(frozen=True)
class _Start:
    """Where a stream begins. `reset`: why the id of the client does not count; empty if it does, or without an id."""

    position: int
    page: Page = _NOTHING
    reset: str = ""


class Feed:
    """The feed in a table. `poll`: seconds between two reads."""

    def __init__(self, table: EventTable, poll: float = POLL_SECONDS) -> None:
        self._table, self._poll = table, poll

    async def events(self, identity: Identity, interval: float, last: str | None) -> AsyncGenerator[Event, None]:
        """Yield the events of a stream without end.

        Args:
            identity: what `hello` names.
            interval: seconds between two heartbeats.
            last: the id of the last event that the client received; None if it has none.
        """
        cursor = _Cursor(self._table, last, self._poll)
        first = await cursor.open()
        yield replace(heartbeat.hello(identity), id=cursor.began)
        for event in first:
            yield event
        loop, sequence = asyncio.get_running_loop(), 1
        due = loop.time() + interval
        reading = asyncio.create_task(cursor.read())
        try:
            while True:
                await asyncio.wait({reading}, timeout=max(0.0, due - loop.time()))
                if reading.done():
                    for event in reading.result():
                        yield event
                    reading = asyncio.create_task(cursor.read())
                if loop.time() >= due:
                    yield heartbeat.beat(sequence)
                    sequence, due = sequence + 1, loop.time() + interval
        finally:
            reading.cancel()


class _Cursor:
    """A client's place in the feed. `_position` is None until the place of a client without an id is known.

    `began`: the place at which the stream begins, as an id; None if it is not known. It is not where the newest event
    is: a connection that breaks after `hello` would lose the events between them.
    """

    def __init__(self, table: EventTable, last: str | None, poll: float) -> None:
        self._table, self._poll, self._pause = table, poll, 0.0
        self._malformed = last if last is not None and not _ID.fullmatch(last) else None
        self._position = int(last) if last is not None and self._malformed is None else None
        self._opened = self._said = False
        self.began = None if self._position is None else str(self._position)

    async def open(self) -> list[Event]:
        """Find the place within _OPEN_SECONDS, and return the first events. Without the table it is found later."""
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                return await self._open()
        except (TableError, TimeoutError) as error:
            return self._failed(error)

    async def read(self) -> list[Event]:
        """Wait for the time of the next read, and return what it brought: nothing, or events in order."""
        await asyncio.sleep(self._pause)
        try:
            if not self._opened:
                return await self._open()
            assert self._position is not None
            page = await self._table.after(FEED, self._position, _PAGE_EVENTS)
            if page.items and page.items[0].seq != self._position + 1:
                return await self._open()  # only a consistent read can say that an event is gone
            return self._take(page)
        except TableError as error:
            return self._failed(error)

    async def _open(self) -> list[Event]:
        asked = str(self._position) if self._malformed is None else self._malformed
        start = await self._start()
        self._position, self._opened, self._malformed = start.position, True, None
        self.began = str(start.position)
        events = self._take(start.page)
        if start.reset:
            data = json.dumps({"last": asked[:_SHOWN], "reason": start.reset})
            events.insert(0, Event("reset", data, str(start.position)))
        return events

    async def _start(self) -> _Start:
        newest = await self._table.newest(FEED)
        if self._position is None:
            return _Start(newest, reset="" if self._malformed is None else "malformed")
        if newest == self._position:
            return _Start(newest)
        if newest < self._position:
            return _Start(newest, reset="unknown")
        page = await self._table.after(FEED, self._position, _PAGE_EVENTS, consistent=True)
        if page.items and page.items[0].seq == self._position + 1:
            return _Start(self._position, page)
        return _Start(newest, reset="too old")

    def _take(self, page: Page) -> list[Event]:
        """Return the events of the page up to the first that is missing; the next read finds out about that one."""
        self._pause = 0.0 if page.more else self._poll
        events, position = [], self._position
        assert position is not None
        for item in page.items:
            if item.seq != position + 1:
                self._pause = 0.0
                break
            events.append(_event(item))
            position = item.seq
        self._position = position
        return events

    def _failed(self, error: Exception) -> list[Event]:
        self._pause = min(max(2 * self._pause, self._poll), _MAX_PAUSE)
        if self._said:
            return []
        self._said = True
        reason = str(error) or f"no answer from DynamoDB ({type(error).__name__})"
        _log.warning("The table of events cannot be read: %s. The stream goes on without it.", reason)
        return [Event("unavailable", json.dumps({"reason": reason}))]


def _event(item: Item) -> Event:
    # An event that cannot be encoded would end each stream that comes to it.
    return Event(_ILLEGAL.sub("", item.event) or "message", item.data, str(item.seq))
