"""Two lanes at once: both results, or the first failure with the other lane stopped."""

import threading

import pytest

from delivery.errors import BuildError
from delivery.process import parallel
from delivery.process.parallel import both, each


class Stoppable:
    """A shell whose `stop` can be waited for; `busy`: whether it runs a tool."""

    busy = True

    def __init__(self):
        self.asked = threading.Event()

    def stop(self):
        self.asked.set()

    def work(self):
        """A lane that ends only when it is stopped, as a command does."""
        assert self.asked.wait(10), "the other lane was never stopped"
        raise KeyboardInterrupt


def fail():
    raise BuildError("no image")


@pytest.fixture
def shell():
    return Stoppable()


def test_both_results_come_back_in_order_and_nothing_is_stopped(shell):
    met = threading.Barrier(2)
    assert both(shell, lambda: met.wait(10) is not None, lambda: met.wait(10) is None) == (True, False)
    assert not shell.asked.is_set()


@pytest.mark.parametrize("failing", [0, 1])
def test_a_failing_lane_stops_the_other_and_its_failure_is_reported(shell, failing):
    lanes = [shell.work, shell.work]
    lanes[failing] = fail
    with pytest.raises(BuildError, match="no image"):
        both(shell, *lanes)
    assert shell.asked.is_set()


@pytest.mark.parametrize("failing", [0, 1])
def test_nothing_is_reported_before_the_other_lane_has_ended(shell, failing):
    ended = threading.Event()

    def slow():
        shell.asked.wait(10)
        ended.set()

    lanes = [slow, slow]
    lanes[failing] = fail
    with pytest.raises(BuildError):
        both(shell, *lanes)
    assert ended.is_set()


def test_an_interrupt_in_a_lane_is_an_interrupt_of_both(shell):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        both(shell, interrupted, shell.work)
    assert shell.asked.is_set()


def test_an_interrupt_of_the_task_itself_stops_both_lanes(shell, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(parallel, "wait", interrupted)  # where the main thread stands when a signal comes
    with pytest.raises(KeyboardInterrupt):
        both(shell, shell.work, shell.work)
    assert shell.asked.is_set()


def test_any_number_of_lanes_run_at_once_and_answer_in_order(shell):
    both_run = threading.Barrier(2, timeout=10)
    assert each(shell, [lambda: both_run.wait() >= 0, lambda: both_run.wait() >= 0, lambda: 3]) == (True, True, 3)
    assert each(shell, []) == ()


def test_what_a_lane_raises_is_raised(shell):
    with pytest.raises(BuildError):
        each(shell, [lambda: 1, fail])


def test_an_interrupt_waits_for_no_lane_that_runs_no_tool_such_as_a_call_that_aws_does_not_answer(shell):
    shell.busy = False
    never, met = threading.Event(), threading.Event()

    def unanswered():
        met.set()
        never.wait(60)

    def interrupted():
        met.wait(10)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        both(shell, unanswered, interrupted)
    assert not never.is_set()
    never.set()
