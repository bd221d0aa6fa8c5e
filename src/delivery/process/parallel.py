"""Independent lanes at once, the others stopped when one fails."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from typing import Any, TypeVar

from delivery.process.shell import Shell

A = TypeVar("A")
B = TypeVar("B")
_LAST = 1.0  # seconds that an interrupt waits for a lane that runs no tool, such as a call that AWS does not answer


def both(shell: Shell, first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Both results. Raises what the first failing lane raised, once neither lane runs any more.

    After an interrupt it waits for the tools of both lanes, and hardly for anything else.
    """
    lanes = _lane(first), _lane(second)
    _settle(shell, lanes)
    return lanes[0].result(), lanes[1].result()


def each(shell: Shell, work: Sequence[Callable[[], A]]) -> tuple[A, ...]:
    """The result of every lane, in order; like `both`."""
    lanes = tuple(map(_lane, work))
    _settle(shell, lanes)
    return tuple(lane.result() for lane in lanes)


def _settle(shell: Shell, lanes: Sequence[Future[Any]]) -> None:
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
    """Work in a thread that does not keep the process from ending, as those of a ThreadPoolExecutor would."""
    future: Future[A] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
