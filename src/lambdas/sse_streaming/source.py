"""Where the events of a stream come from: the table that the settings name, or nowhere.

A team that has another source, such as a queue or a database, changes this file.
"""

from collections.abc import AsyncGenerator, Callable, Mapping

from sse_streaming.settings import Settings
from sse_streaming.sse import Event

Source = Callable[[float, str | None], AsyncGenerator[Event, None]]
"""Makes the events of one stream: from the seconds between heartbeats, and the id of the client's last event."""


def create(settings: Settings, environment: Mapping[str, str]) -> Source | None:
    """Return the source of all streams of this process, None without a table. `environment` has the credentials."""
    identity, table = settings.identity, settings.table
    if table is None:
        return None
    # Without a table the start does not pay for these imports.
    from sse_streaming.dynamodb import EventTable
    from sse_streaming.feed import Feed

    feed = Feed(EventTable(table, environment))
    return lambda interval, last: feed.events(identity, interval, last)
