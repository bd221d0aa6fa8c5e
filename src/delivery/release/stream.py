"""Examines a stream: its events must arrive one by one, as its health contract says.

The answer must have status 200 and the type `text/event-stream`, the name of its first event, and so many events, each
within its deadline. Afterwards a stream may go on. If it ends, it must end in good order.

On a busy machine, events that came one by one are read at once. So a stream whose events were read at once is opened
again; something that buffers holds them back each time.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from delivery import clock, health
from delivery.aws import answers
from delivery.aws.sse import Event, Parser, Prelude
from delivery.errors import UnhealthyError
from delivery.health import Stream
from delivery.release.reader import Reader
from delivery.settings import Deadlines

Take = Callable[[float], bytes | None]
"""Returns the next bytes within so many seconds, None at the end, or raises TimeoutError."""

# Seconds between the first and the last event of a stream: longer than between two reads of one buffer
APART = 0.1
_TRIES = 3
_END = 1.0  # seconds in which a stream that ends by itself has ended


class _ReadAtOnceError(UnhealthyError):
    """The events came at once, or this machine was too busy to read them one by one."""


@dataclass(frozen=True)
class Streamed:
    """A healthy stream: the seconds to its first event, and the number of events."""

    first_event: float
    events: int


def verify(open_stream: Callable[[], Reader], contract: Stream, deadlines: Deadlines) -> Streamed:
    """Open a stream and examine it. Raises UnhealthyError or CloudError."""
    for _ in range(_TRIES - 1):
        with contextlib.suppress(_ReadAtOnceError):
            return _examine_once(open_stream(), contract, deadlines)
    return _examine_once(open_stream(), contract, deadlines)


def _examine_once(reader: Reader, contract: Stream, deadlines: Deadlines) -> Streamed:
    with contextlib.closing(reader):
        return examine(reader.take, contract, deadlines)


def examine(take: Take, contract: Stream, deadlines: Deadlines) -> Streamed:
    """Read the events of a stream. Raises UnhealthyError for the first condition that does not hold."""
    parser = Parser()
    started = clock.monotonic()
    arrived: list[float] = []
    for item in _items(take, parser, _Due(contract, deadlines), arrived):
        if isinstance(item, Prelude):
            answers.check_prelude(item, parser.unfinished)
            continue
        if not arrived:
            answers.check_first(contract, item)
        arrived.append(clock.monotonic() - started)
        if len(arrived) == contract.events:
            break
    if parser.prelude is None:
        raise UnhealthyError("the response had no prelude.", health.shortened(_text(parser)))
    if len(arrived) < contract.events:
        raise UnhealthyError(f"the stream ended after {len(arrived)} of {contract.events} events.")
    if contract.events > 1 and arrived[-1] - arrived[0] < APART:
        why = f"Something buffers the stream, or sends {contract.events} events within {APART} s."
        raise _ReadAtOnceError("all events came at once.", why)
    _read_end(take, parser)
    return Streamed(arrived[0], len(arrived))


class _Due:
    """When the next event is due: the deadline of the contract is for all events, those of the settings for each."""

    def __init__(self, contract: Stream, deadlines: Deadlines) -> None:
        self._deadlines, self._whole = deadlines, contract.deadline
        self.limit = contract.deadline or deadlines.first_event
        self.at = clock.monotonic() + self.limit

    def arrived(self) -> None:
        """An event has arrived; the next one is due later."""
        if self._whole is None:
            self.limit = self._deadlines.between
            self.at = clock.monotonic() + self.limit


def _items(take: Take, parser: Parser, due: _Due, arrived: list[float]) -> Iterator[Prelude | Event]:
    counted = 0
    while True:
        if len(arrived) > counted:  # a comment does not extend a deadline
            due.arrived()
            counted = len(arrived)
        try:
            chunk = _take_until(take, due.at)
        except TimeoutError:
            raise UnhealthyError(f"event {counted + 1} did not come within {due.limit:g} s.") from None
        if chunk is None:
            return
        try:
            yield from parser.feed(chunk)
        except ValueError as error:
            raise UnhealthyError("the response's prelude is malformed.", str(error)) from error


def _read_end(take: Take, parser: Parser) -> None:
    """Read a stream that ends by itself to the end. Raises UnhealthyError when it was cut off, or failed."""
    due = clock.monotonic() + _END
    try:
        while (chunk := _take_until(take, due)) is not None:
            list(parser.feed(chunk))
    except TimeoutError:
        return
    if parser.unfinished:
        raise UnhealthyError("the stream was cut off in the middle of an event.", health.shortened(_text(parser)))


def _take_until(take: Take, due: float) -> bytes | None:
    if (left := due - clock.monotonic()) <= 0:
        raise TimeoutError
    return take(left)


def _text(parser: Parser) -> str:
    return parser.unfinished.decode(errors="replace")
