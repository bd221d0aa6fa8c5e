"""Runs independent work at the same time, each in a lane; a failure of one lane stops the others."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from typing import Any, TypeVar

from delivery.process.shell import Shell

A = TypeVar("A")
B = TypeVar("B")
_MOST = 8  # calls at a time; a client of botocore keeps ten connections
_LAST = 1.0  # seconds that an interrupt waits for a lane without a child, such as an AWS call without an answer


def both(shell: Shell, first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Run both, and return both results. Raises the error of the lane that failed first, after both lanes have ended.

    After an interrupt it waits for the children of both lanes, and at most a second for anything else.
    """
    lanes = _lane(first), _lane(second)
    _wait_for(shell, lanes)
    return lanes[0].result(), lanes[1].result()


def each(shell: Shell, work: Sequence[Callable[[], A]]) -> tuple[A, ...]:
    """Run all, and return their results in order; like `both`."""
    lanes = tuple(map(_lane, work))
    _wait_for(shell, lanes)
    return tuple(lane.result() for lane in lanes)


def at_once(work: Callable[[A], B], items: Iterable[A]) -> tuple[B, ...]:
    """Call `work` for each item, at most eight at a time, and return the results in order.

    For calls of AWS: `work` starts no child. After a failure no further call begins; once those that have begun have
    ended, the first failure is raised. An interrupt waits for nothing.
    """
    waiting = list(enumerate(items))
    if len(waiting) == 1:
        return (work(waiting[0][1]),)
    results: dict[int, B] = {}
    pending = deque(waiting)

    def lane() -> None:
        while pending:
            try:
                number, item = pending.popleft()
            except IndexError:  # another lane took the last one
                return
            try:
                results[number] = work(item)
            except BaseException:
                pending.clear()
                raise

    lanes = [_lane(lane) for _ in waiting[:_MOST]]
    try:
        wait(lanes)
    finally:
        pending.clear()
    for each in lanes:
        each.result()
    return tuple(results[number] for number, _ in waiting)


def _wait_for(shell: Shell, lanes: Sequence[Future[Any]]) -> None:
    try:
        wait(lanes, return_when=FIRST_EXCEPTION)
        if failed := [lane for lane in lanes if lane.done() and lane.exception()]:
            shell.stop()
            if not isinstance(failed[0].exception(), KeyboardInterrupt):
                wait(lanes)
            failed[0].result()
    except KeyboardInterrupt:
        shell.stop()
        while wait(lanes, timeout=_LAST).not_done and shell.busy:
            pass
        raise


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
