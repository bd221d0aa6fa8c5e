"""Independent lanes at once: two, the other stopped when one fails; or any number that do not fail."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from delivery.shell import Shell

A = TypeVar("A")
B = TypeVar("B")


def both(shell: Shell, first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Both results. Raises what the first failing lane raised, once neither lane runs any more."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        lanes: tuple[Future[A], Future[B]] = (pool.submit(first), pool.submit(second))
        either: tuple[Future[Any], ...] = lanes
        try:
            wait(either, return_when=FIRST_EXCEPTION)
        except KeyboardInterrupt:
            shell.stop()
            raise
        for lane in lanes:
            if lane.done() and lane.exception():
                shell.stop()
                lane.result()
        return lanes[0].result(), lanes[1].result()


def each(lanes: Sequence[Callable[[], A]]) -> tuple[A, ...]:
    """The result of every lane, in order. Raises what the first of them raised, once no lane runs any more."""
    with ThreadPoolExecutor(max_workers=max(1, len(lanes))) as pool:
        return tuple(pool.map(lambda lane: lane(), lanes))
