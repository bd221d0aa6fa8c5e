"""`invoke logs` prints the lines of all chosen functions in the order of their times."""

import itertools

import pytest
from support.clock import Clock
from support.fleet import Fleet
from support.world import FUNCTION, world

from delivery import clock
from delivery.cli import report
from delivery.commands import logs
from delivery.errors import ConfigurationError
from delivery.terraform import state


@pytest.mark.parametrize(
    "since", ["", "10", "10x", "-5m", "0s", "5 m", "1e9h", "9999999999999999999h", "367" + "0" * 5 + "h"]
)
def test_a_malformed_since_is_refused_with_an_example(since):
    with pytest.raises(ConfigurationError, match="Malformed --since") as caught:
        logs.parse(since)
    assert caught.value.hint == "--since 10m"


@pytest.mark.parametrize("version", ["0", "x", "1.5", "-1", "latest", "1]"])
def test_a_malformed_version_is_refused(version):
    with pytest.raises(ConfigurationError, match="Malformed --version"):
        logs.parse("10m", version)


def test_the_lines_of_several_functions_are_sorted_by_time_and_name_function_and_version(tmp_path):
    fleet, now = Fleet(tmp_path, 2), clock.now().timestamp()
    fleet.aws.logs.write("third", "2", now - 1, "fn-1")
    fleet.aws.logs.write("second", "1", now - 2, "fn-2")
    fleet.aws.logs.write("first\nand its traceback", "2", now - 3, "fn-1")
    entries = logs.read(fleet.run, state.require_functions(fleet.run), logs.parse("1m"))
    lines = [line[20:] for entry in entries for line in report.log_lines(entry)]
    assert lines == ["image-1:2 first", "image-1:2 and its traceback", "image-2:1 second", "image-1:2 third"]


def test_only_the_lines_of_a_version_are_printed(tmp_path):
    made = world(tmp_path)
    made.aws.logs.write("one", "1")
    made.aws.logs.write("two", "2")
    entries = logs.read(made.run, (FUNCTION,), logs.parse("1m", "2"))
    assert [entry.message for entry in entries] == ["two"]


def test_followed_each_line_is_printed_once_also_one_that_comes_late(tmp_path, monkeypatch):
    time = Clock().install(monkeypatch)
    made, now = world(tmp_path), clock.now().timestamp()
    made.aws.logs.write("first", at=now)

    def passing(seconds):
        time.pass_(seconds)
        made.aws.logs.write(f"after {time.time:.0f} s", at=now - 1)

    monkeypatch.setattr(clock, "pause", passing)
    entries = logs.read(made.run, (FUNCTION,), logs.parse("1m", follow=True))
    messages = [entry.message for entry in itertools.islice(entries, 4)]
    assert messages == ["first", "after 2 s", "after 4 s", "after 6 s"]
