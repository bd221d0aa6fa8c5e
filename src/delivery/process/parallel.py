"""Runs independent work at the same time, each in a lane.

both(shell, first, second)   two different things; the failure of one stops the children of the other
beside(work, here)           two different things, one in this thread, which may ask a person; nothing is stopped
map(shell, work, items)      the same thing for each item; after a failure no further item begins
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Future, wait
from typing import Any, TypeVar

from delivery.process.shell import Shell

A = TypeVar("A")
B = TypeVar("B")
# Items at a time. Each round takes the time of a whole chain of calls, so 15 functions should fit into one round. More
# would gain nothing: Lambda takes 15 calls a second, and botocore waits and repeats those above
# (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, "Function API requests").
LANES = 16
_LAST = 1.0  # seconds that an interrupt waits for a lane without a child, such as an AWS call without an answer


def both(shell: Shell, first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Run both, and return both results. Raises the error of the lane that failed first, after both lanes have ended.

    A lane that only the failure of another one stopped has no error of its own. After an interrupt it waits for the
    children of both lanes, and at most a second for anything else.
    """
    one, two = _lane(first), _lane(second)
    lanes: tuple[Future[Any], ...] = (one, two)
    try:
        wait(lanes, return_when=FIRST_EXCEPTION)
        if failed := _failed(lanes):
            shell.stop()
            if not shell.interrupted:
                wait(lanes)
                failed = sorted((*failed, *_failed(lanes)), key=_was_stopped)
            failed[0].result()
    except KeyboardInterrupt:
        _interrupted(shell, lanes)
        raise
    return one.result(), two.result()


def beside(work: Callable[[], A], here: Callable[[], B]) -> tuple[A, B]:
    """Run `work` in a lane while `here` runs in this thread, and return both results.

    Stops nothing: it waits for the lane, and then raises the error of `here`, or else that of `work`.
    """
    lane = _lane(work)
    try:
        result = here()
    finally:
        wait((lane,))
    return lane.result(), result


def map(shell: Shell, work: Callable[[A], B], items: Iterable[A]) -> tuple[B, ...]:
    """Call `work` for each item, at most 16 at a time, and return the results in the order of the items.

    After a failure no further item begins; those that have begun end, and then the failure that came first is raised.
    After an interrupt no further item begins either, also where it ended another lane around this call; it waits for
    children, and at most a second for anything else.
    """
    queue = _Queue(shell, items)
    if len(queue.items) == 1:
        return (queue.run(work, 0),)
    lanes = [_lane(lambda: queue.run_all(work)) for _ in queue.items[:LANES]]
    running: Iterable[Future[dict[int, B]]] = lanes
    try:
        while running:
            running = wait(running, return_when=FIRST_COMPLETED).not_done
            if any(isinstance(failure, KeyboardInterrupt) for failure in queue.failures):
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        queue.close()
        _interrupted(shell, lanes)
        raise
    if queue.failures:
        raise queue.failures[0]
    results = {number: result for lane in lanes for number, result in lane.result().items()}
    return tuple(results[number] for number in range(len(queue.items)))


class _Queue:
    """The items that wait; none does after a failure. `failures`: in the order in which they came."""

    def __init__(self, shell: Shell, items: Iterable[Any]) -> None:
        self.items = tuple(items)
        self.failures: list[BaseException] = []
        self._shell = shell
        self._waiting: Iterator[int] = iter(range(len(self.items)))
        self._lock = threading.Lock()

    def run_all(self, work: Callable[[Any], B]) -> dict[int, B]:
        """Run waiting items, until none waits; return the results by the number of the item."""
        results: dict[int, B] = {}
        while (number := self._next()) is not None:
            try:
                results[number] = self.run(work, number)
            except BaseException as error:  # noqa: BLE001 - raised by the caller of the lanes
                self.close(error)
        return results

    def run(self, work: Callable[[Any], B], number: int) -> B:
        """Run one item. Raises KeyboardInterrupt once the shell was stopped."""
        if self._shell.stopped:
            raise KeyboardInterrupt
        return work(self.items[number])

    def close(self, *failures: BaseException) -> None:
        """Let no further item begin."""
        with self._lock:
            self.failures += failures
            self._waiting = iter(())

    def _next(self) -> int | None:
        with self._lock:
            return next(self._waiting, None)


def _failed(lanes: Sequence[Future[Any]]) -> list[Future[Any]]:
    return [lane for lane in lanes if lane.done() and lane.exception()]


def _was_stopped(lane: Future[Any]) -> bool:
    return isinstance(lane.exception(), KeyboardInterrupt)


def _interrupted(shell: Shell, lanes: Sequence[Future[Any]]) -> None:
    shell.stop()
    while wait(lanes, timeout=_LAST).not_done and shell.busy:
        pass


def _lane(work: Callable[[], A]) -> Future[A]:
    """Run in a daemon thread: unlike a thread of ThreadPoolExecutor, it does not keep the process alive."""
    future: Future[A] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
