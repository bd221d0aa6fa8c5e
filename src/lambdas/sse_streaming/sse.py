"""Server-Sent Events on the wire (WHATWG HTML, section 9.2.6 "Interpreting an event stream")."""

import re
from dataclasses import dataclass

MEDIA_TYPE = "text/event-stream"

_FORBIDDEN_IN_A_FIELD = re.compile(r"[\r\n\0]")
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Event:
    """One event: its type, its data, and the id a client resumes from (None: the event moves no cursor)."""

    event: str
    data: str
    id: str | None = None


def encode(event: Event) -> bytes:
    """Return the event as one block of the stream.

    Raises ValueError when `event` or `id` holds CR, LF or NUL: a line end would start a new field, and a
    client ignores an id with NUL in it (section 9.2.6, field "id").
    """
    lines = [] if event.id is None else [f"id: {_field('id', event.id)}"]
    lines.append(f"event: {_field('event', event.event)}")
    lines += [f"data: {line}" for line in _LINE_END.split(event.data)]
    return ("\n".join(lines) + "\n\n").encode()


def encode_retry(milliseconds: int) -> bytes:
    """Return a block that sets the client's reconnection time and dispatches no event."""
    return f"retry: {milliseconds}\n\n".encode()


def _field(name: str, value: str) -> str:
    if _FORBIDDEN_IN_A_FIELD.search(value):
        raise ValueError(f"an event's {name} must not hold CR, LF or NUL: {value!r}")
    return value
