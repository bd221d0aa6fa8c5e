"""Opens the stream of a version that is not live yet, and checks that it really streams.

The stream must have status 200 and the type `text/event-stream`. Its first event, `hello`, must name the version. At
least three events must arrive one by one, and the stream must end cleanly, each within its deadline. Which image the
version runs is not asked of the function: Lambda knows it.

On a busy machine, events that came one by one are read at once. So a stream whose events were read at once is opened a
second time, with a longer interval: something that buffers holds those back, too.
"""

import json
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from delivery import clock
from delivery.aws import function
from delivery.aws.function import Version
from delivery.aws.session import Aws
from delivery.aws.sse import Event, Parser, Prelude
from delivery.errors import UnhealthyError
from delivery.settings import Deadlines

# Seconds between two events of the requested stream: short, and longer than any delay between two of its bytes
INTERVAL = 0.1
_SECOND_INTERVAL = 1.0  # on a machine that was too busy for the first one
EVENTS = 3


class _ReadAtOnceError(UnhealthyError):
    """The events came at once, or this machine was too busy to read them one by one."""


@dataclass(frozen=True)
class Health:
    """A healthy stream: the seconds to its first event, and the number of events."""

    first_event: float
    events: int


def verify(aws: Aws, deployed: Version, deadlines: Deadlines) -> Health:
    """Open the stream of the version, not of the alias, and check it. Raises UnhealthyError or CloudError."""
    try:
        try:
            return _open(aws, deployed, deadlines, INTERVAL)
        except _ReadAtOnceError:
            return _open(aws, deployed, deadlines, _SECOND_INTERVAL)
    except UnhealthyError as error:
        error.what = f"Version {deployed.version} of {deployed.name} does not stream: {error.what}"
        error.hint = error.hint or "read its log, correct the function, then deploy again"
        raise


def _open(aws: Aws, deployed: Version, deadlines: Deadlines, interval: float) -> Health:
    query = {"events": str(EVENTS), "interval": str(interval)}
    chunks = function.stream(aws, deployed, deployed.version, query, silence=deadlines.first_event)
    return examine(_Reader(chunks).take, deployed.version, deadlines, interval)


def examine(
    take: Callable[[float], bytes | None], version: str, deadlines: Deadlines, interval: float = INTERVAL
) -> Health:
    """Read a stream to its end. `take(seconds)` returns the next bytes, None at the end, or raises TimeoutError.

    `version`: the one that `hello` must name. `interval`: seconds between two events, as they were requested. Raises
    UnhealthyError for the first condition that does not hold.
    """
    parser = Parser()
    started = clock.monotonic()
    arrived: list[float] = []
    for item in _items(take, parser, deadlines, arrived):
        if isinstance(item, Prelude):
            _check_prelude(item)
            continue
        if not arrived:
            check_hello(item, version)
        arrived.append(clock.monotonic() - started)
    if parser.prelude is None:
        raise UnhealthyError("the response had no prelude.", parser.unfinished.decode(errors="replace")[:200])
    if parser.unfinished:
        raise UnhealthyError("the stream was cut off in the middle of an event.")
    if len(arrived) < EVENTS:
        raise UnhealthyError(f"the stream ended after {len(arrived)} of {EVENTS} events.")
    if arrived[-1] - arrived[0] < interval:
        raise _ReadAtOnceError("all events came at once.", "Something buffers the stream.")
    return Health(arrived[0], len(arrived))


def _items(
    take: Callable[[float], bytes | None], parser: Parser, deadlines: Deadlines, arrived: list[float]
) -> Iterator[Prelude | Event]:
    limit, due = deadlines.first_event, clock.monotonic() + deadlines.first_event
    counted = 0
    while True:
        if len(arrived) > counted:  # a deadline is for the next event; a comment does not extend it
            limit = deadlines.between if len(arrived) < EVENTS else deadlines.end
            due = clock.monotonic() + limit if counted < EVENTS else due
            counted = len(arrived)
        try:
            chunk = _take_until(take, due)
        except TimeoutError:
            raise UnhealthyError(f"{_awaited(counted)} did not come within {limit:g} s.") from None
        if chunk is None:
            return
        try:
            yield from parser.feed(chunk)
        except ValueError as error:
            raise UnhealthyError("the response's prelude is malformed.", str(error)) from error


def _take_until(take: Callable[[float], bytes | None], due: float) -> bytes | None:
    if (left := due - clock.monotonic()) <= 0:
        raise TimeoutError
    return take(left)


def _awaited(counted: int) -> str:
    return "a clean end" if counted >= EVENTS else f"event {counted + 1}"


def _check_prelude(prelude: Prelude) -> None:
    if prelude.status != 200:
        raise UnhealthyError(f"it answered {prelude.status}.")
    media_type = prelude.headers.get("content-type", "none")
    if media_type.partition(";")[0].strip() != "text/event-stream":
        raise UnhealthyError(f"its content type is {media_type}, not text/event-stream.")


def check_hello(event: Event, version: str) -> None:
    """Raises UnhealthyError when an event is not `hello`, or does not name this version."""
    if event.name != "hello":
        raise UnhealthyError(f"its first event is `{event.name}`, not `hello`.")
    try:
        data = dict(json.loads(event.data))
    except (ValueError, TypeError) as error:
        raise UnhealthyError("the data of `hello` is no JSON object.", event.data[:200]) from error
    if data.get("version") != version:
        raise UnhealthyError(f"`hello` names the version {data.get('version')}, not {version}.")


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
