"""Opens the stream of a version that is not live yet, and says whether it really streams.

Accepted only when: status 200, `text/event-stream`, `hello` names this commit and this digest, two more events, events
that came one by one and not all at the end, and a clean end, each within its deadline.
"""

import json
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from delivery import clock
from delivery.aws import function
from delivery.aws.function import Function
from delivery.aws.session import Aws
from delivery.aws.sse import Event, Parser, Prelude
from delivery.errors import UnhealthyError
from delivery.settings import Deadlines

INTERVAL = 0.3  # seconds between two events of the stream we ask for
EVENTS = 4


@dataclass(frozen=True)
class Health:
    """A stream that was accepted: seconds to its first event, and how many came."""

    first_event: float
    events: int

    def words(self) -> str:
        """One line for people."""
        return f"{self.events} events, first after {self.first_event * 1000:.0f} ms"


@dataclass(frozen=True)
class Expected:
    """What `hello` has to name."""

    version: str
    commit: str
    digest: str


def verify(aws: Aws, target: Function, commit: str, deadlines: Deadlines) -> Health:
    """Open the stream of the published version, not of the alias. Raises UnhealthyError or CloudError."""
    query = {"events": str(EVENTS), "interval": str(INTERVAL)}
    chunks = function.stream(aws, target, target.version, query, silence=deadlines.first_event)
    expected = Expected(target.version, commit, target.digest)
    try:
        return examine(_Reader(chunks).take, expected, deadlines)
    except UnhealthyError as error:
        error.what = f"Version {target.version} of {target.name} does not stream: {error.what}"
        error.hint = error.hint or "read its log, correct the function, then deploy again"
        raise


def examine(take: Callable[[float], bytes | None], expected: Expected, deadlines: Deadlines) -> Health:
    """Read a stream to its end. `take(seconds)` gives the next bytes, None at the end, or raises TimeoutError.

    Raises UnhealthyError with the first condition that does not hold.
    """
    parser = Parser()
    started = clock.monotonic()
    arrived: list[float] = []
    for item in _items(take, parser, deadlines, arrived):
        if isinstance(item, Prelude):
            _check_prelude(item)
            continue
        if not arrived:
            _check_hello(item, expected)
        arrived.append(clock.monotonic() - started)
    if parser.prelude is None:
        raise UnhealthyError("the response had no prelude.", parser.unfinished.decode(errors="replace")[:200])
    if parser.unfinished:
        raise UnhealthyError("the stream was cut off in the middle of an event.")
    if len(arrived) < 3:
        raise UnhealthyError(f"the stream ended after {len(arrived)} of at least 3 events.")
    if arrived[-1] - arrived[0] < INTERVAL:
        raise UnhealthyError("all events came at once.", "Something between buffers the stream.")
    return Health(arrived[0], len(arrived))


def _items(
    take: Callable[[float], bytes | None], parser: Parser, deadlines: Deadlines, arrived: list[float]
) -> Iterator[Prelude | Event]:
    limit, due = deadlines.first_event, clock.monotonic() + deadlines.first_event
    seen = 0
    while True:
        if len(arrived) > seen:  # a deadline is for the next event: comments do not put it off
            limit = deadlines.between if len(arrived) < EVENTS else deadlines.end
            due = clock.monotonic() + limit if seen < EVENTS else due
            seen = len(arrived)
        try:
            chunk = _taken(take, due)
        except TimeoutError:
            raise UnhealthyError(f"{_waited_for(seen)} did not come within {limit:g} s.") from None
        if chunk is None:
            return
        try:
            yield from parser.feed(chunk)
        except ValueError as error:
            raise UnhealthyError("the response's prelude is malformed.", str(error)) from error


def _taken(take: Callable[[float], bytes | None], due: float) -> bytes | None:
    if (left := due - clock.monotonic()) <= 0:
        raise TimeoutError
    return take(left)


def _waited_for(seen: int) -> str:
    return "a clean end" if seen >= EVENTS else f"event {seen + 1}"


def _check_prelude(prelude: Prelude) -> None:
    if prelude.status != 200:
        raise UnhealthyError(f"it answered {prelude.status}.")
    media_type = prelude.headers.get("content-type", "none")
    if media_type.partition(";")[0].strip() != "text/event-stream":
        raise UnhealthyError(f"its content type is {media_type}, not text/event-stream.")


def _check_hello(event: Event, expected: Expected) -> None:
    if event.name != "hello":
        raise UnhealthyError(f"its first event is `{event.name}`, not `hello`.")
    try:
        data = dict(json.loads(event.data))
    except (ValueError, TypeError) as error:
        raise UnhealthyError("the data of `hello` is no JSON object.", event.data[:200]) from error
    for name, value in vars(expected).items():
        if data.get(name) != value:
            raise UnhealthyError(f"`hello` names the {name} {data.get(name)}, not {value}.")


class _Reader:
    """Reads in a thread of its own, so that a deadline holds even while a read blocks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue()
        threading.Thread(target=self._read, args=(chunks,), daemon=True).start()

    def take(self, seconds: float) -> bytes | None:
        try:
            item = self._queue.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(item, BaseException):
            raise item
        return item

    def _read(self, chunks: Iterator[bytes]) -> None:
        try:
            for chunk in chunks:
                self._queue.put(chunk)
            self._queue.put(None)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._queue.put(error)
