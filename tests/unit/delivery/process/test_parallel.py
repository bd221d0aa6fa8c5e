"""Work in lanes: the results in order, or the first failure, after which nothing begins."""

import queue
import threading

import pytest

from delivery.errors import BuildError, CloudError
from delivery.process import parallel
from delivery.process.parallel import LANES, beside, both


class Stoppable:
    """A shell whose `stop` can be waited for; `busy`: whether it runs a tool."""

    busy = True
    interrupted = False

    def __init__(self):
        self.asked = threading.Event()

    @property
    def stopped(self):
        return self.asked.is_set()

    def stop(self):
        self.asked.set()

    def work(self, _=None):
        """A lane that ends only when it is stopped, as a command does."""
        assert self.asked.wait(10), "the other lane was never stopped"
        raise KeyboardInterrupt


def fail(_=None):
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


@pytest.mark.parametrize(
    "run", [lambda shell: both(shell, shell.work, shell.work), lambda shell: parallel.map(shell, shell.work, "ab")]
)
def test_an_interrupt_of_the_task_itself_stops_all_lanes(shell, monkeypatch, run):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(parallel, "wait", interrupted)  # where the main thread stands when a signal comes
    with pytest.raises(KeyboardInterrupt):
        run(shell)
    assert shell.asked.is_set()


def test_an_interrupt_waits_for_no_lane_that_runs_no_tool_such_as_a_call_that_aws_does_not_answer(shell, monkeypatch):
    monkeypatch.setattr(parallel, "_LAST", 0.01)
    shell.busy, shell.interrupted = False, True  # by a signal, which ended the tool of the other lane
    never, met = threading.Event(), threading.Event()

    def unanswered():
        met.set()
        never.wait(60)

    def interrupted():
        met.wait(10)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        both(shell, unanswered, interrupted)
    met.clear()
    with pytest.raises(KeyboardInterrupt):
        parallel.map(shell, lambda work: work(), (unanswered, interrupted))
    assert not never.is_set()
    never.set()


def test_the_results_are_in_the_order_of_the_items_and_not_in_that_of_their_ends(shell):
    ended = [threading.Event() for _ in range(4)]

    def work(number):  # each waits for the end of the next one
        if number < 3:
            assert ended[number + 1].wait(10)
        ended[number].set()
        return number * 2

    assert parallel.map(shell, work, range(4)) == (0, 2, 4, 6)
    assert parallel.map(shell, work, []) == ()
    assert not shell.asked.is_set()


def test_as_many_items_as_there_are_lanes_run_at_once(shell):
    met = threading.Barrier(LANES, timeout=10)
    assert len(parallel.map(shell, lambda _: met.wait(), range(LANES))) == LANES


def test_never_more_items_run_at_once_than_there_are_lanes(shell):
    running, most, lock = set(), [], threading.Lock()
    full = threading.Barrier(LANES, timeout=10)

    def work(number):
        with lock:
            running.add(number)
            most.append(len(running))
        full.wait()  # three full rounds: a lane more would leave the last one waiting
        with lock:
            running.remove(number)
        return number

    assert parallel.map(shell, work, range(3 * LANES)) == tuple(range(3 * LANES))
    assert max(most) <= LANES


def test_after_a_failure_no_item_begins_and_those_that_run_end_before_it_is_raised(shell):
    begun, ended = [], []
    all_run = threading.Barrier(LANES, timeout=10)
    failed = threading.Event()

    def work(number):
        begun.append(number)
        all_run.wait()
        if number == 0:
            failed.set()
            fail()
        assert failed.wait(10)
        ended.append(number)

    with pytest.raises(BuildError, match="no image"):
        parallel.map(shell, work, range(LANES))
    assert sorted(ended) == list(range(1, LANES))
    assert not shell.asked.is_set(), "the tools of other lanes around it run on"


def test_after_failures_no_waiting_item_begins(shell):
    begun, all_run = [], threading.Barrier(LANES, timeout=10)

    def work(number):
        begun.append(number)
        all_run.wait()
        fail()

    with pytest.raises(BuildError):
        parallel.map(shell, work, range(99))
    assert sorted(begun) == list(range(LANES))


def test_of_two_failures_the_one_that_came_first_is_raised(shell):
    lanes = queue.Queue()

    def work(number):
        if number:
            lanes.put(threading.current_thread())
            fail()
        lanes.get(timeout=10).join(10)
        raise CloudError("later")

    with pytest.raises(BuildError):
        parallel.map(shell, work, range(2))


@pytest.mark.parametrize("items", [1, 2, 99])
def test_once_the_shell_was_stopped_no_item_begins(shell, items):
    """An interrupt reaches the main thread, which waits for a lane; the work of that lane may be such a call."""
    shell.stop()
    begun = []
    with pytest.raises(KeyboardInterrupt):
        parallel.map(shell, begun.append, range(items))
    assert begun == []


def test_a_failure_deep_in_one_lane_is_raised_and_not_the_interrupt_that_it_causes_in_another(shell):
    """The inner failure stops the tools of both lanes, and the outer lane ends first."""
    outer_ended = threading.Event()

    def slow():
        assert outer_ended.wait(10)
        return 1

    def stopped():
        try:
            shell.work()
        finally:
            outer_ended.set()

    with pytest.raises(BuildError, match="no image"):
        both(shell, lambda: both(shell, fail, slow), stopped)


def test_a_lane_runs_beside_this_thread_which_may_ask_a_person():
    met = threading.Barrier(2, timeout=10)

    def work():
        met.wait()
        return threading.current_thread()

    def here():
        met.wait()
        return threading.current_thread()

    lane, own = beside(work, here)
    assert own is threading.current_thread() is not lane


def test_a_failure_in_this_thread_counts_first_and_only_after_the_lane_has_ended():
    ended = threading.Event()

    def work():
        ended.set()
        raise ValueError

    with pytest.raises(BuildError, match="no image"):
        beside(work, fail)
    assert ended.is_set()


def test_a_failure_of_the_lane_is_raised_when_this_thread_has_its_result():
    with pytest.raises(BuildError, match="no image"):
        beside(fail, lambda: 1)
