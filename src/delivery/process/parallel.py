"""Runs independent work at the same time, each in a lane; a failure of one lane stops the others."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from typing import Any, TypeVar

from delivery.process.shell import Shell

A = TypeVar("A")
B = TypeVar("B")
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
