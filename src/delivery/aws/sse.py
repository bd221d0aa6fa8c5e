"""Reads a streamed Lambda response as it arrives: the prelude, then Server-Sent Events."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from delivery.errors import UnhealthyError

# https://docs.aws.amazon.com/lambda/latest/dg/response-streaming-tutorial.html, HTTP integration responses:
# a JSON prelude, eight NUL bytes, then the body.
SEPARATOR = b"\0" * 8
MEDIA_TYPE = "text/event-stream"
_BLANK = re.compile(rb"\r\n|\r")


@dataclass(frozen=True)
class Prelude:
    """The status and the headers of a response; header names are in lower case."""

    status: int
    headers: dict[str, str]


@dataclass(frozen=True)
class Event:
    """One event; the lines of `data` are joined. A block without data is no event."""

    name: str
    data: str


@dataclass
class Parser:
    """Takes bytes in pieces of any size, and returns the items that they complete.

    Event stream interpretation: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    """

    prelude: Prelude | None = None
    _rest: bytes = field(default=b"")

    def feed(self, chunk: bytes) -> Iterator[Prelude | Event]:
        """The prelude, once, and each event that is now complete. Raises ValueError for a malformed prelude."""
        self._rest += chunk
        if self.prelude is None:
            head, separator, rest = self._rest.partition(SEPARATOR)
            if not separator:
                return
            self._rest = rest
            self.prelude = read_prelude(head)
            yield self.prelude
        held = self._rest.endswith(b"\r")  # the LF of this pair may still arrive
        *blocks, self._rest = _BLANK.sub(b"\n", self._rest[: len(self._rest) - held]).split(b"\n\n")
        self._rest += b"\r" * held
        for block in blocks:
            if event := _event(block.decode("utf-8", errors="replace")):
                yield event

    @property
    def unfinished(self) -> bytes:
        """The bytes after the last complete event; empty after a clean end."""
        return self._rest.strip()


def events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """The events of a response, as they arrive. Raises UnhealthyError for a response that is no stream."""
    parser, coming = Parser(), iter(chunks)
    for chunk in coming:
        try:
            items = list(parser.feed(chunk))
        except ValueError as error:
            raise UnhealthyError("The response is no stream.", str(error)) from error
        for item in items:
            if isinstance(item, Event):
                yield item
            elif item.status != 200:
                body = parser.unfinished + b"".join(coming)
                raise UnhealthyError(f"The function answered {item.status}.", body.decode(errors="replace"))
    if parser.prelude is None:
        raise UnhealthyError("The response is no stream.", parser.unfinished.decode(errors="replace")[:200])


def read_prelude(head: bytes) -> Prelude:
    """The prelude in the bytes before the separator. Raises ValueError for a malformed one."""
    try:
        document = json.loads(head)
        headers = {name.lower(): str(value) for name, value in document.get("headers", {}).items()}
        return Prelude(int(document["statusCode"]), headers)
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"no prelude: {head[:200]!r}") from error


def _event(block: str) -> Event | None:
    fields: dict[str, list[str]] = {}
    for line in block.split("\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    if "data" not in fields:
        return None
    return Event(fields.get("event", [""])[-1] or "message", "\n".join(fields["data"]))
