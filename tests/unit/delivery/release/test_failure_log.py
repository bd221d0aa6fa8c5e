"""An unhealthy version's error shows the last lines of that version's log, and nothing there hides the error."""

import threading

import pytest
from support.aws import chunk, prelude, refusal
from support.canary import canary_world, failed
from support.clock import Clock
from support.world import VERSION, world

from delivery.errors import UnhealthyError
from delivery.release import failure_log, live

ASKED = "Asked: GET /api/v2/stream?events=3&interval=0.1"


@pytest.fixture
def made(tmp_path, monkeypatch):
    Clock(tick=0.3).install(monkeypatch)
    result = world(tmp_path)
    result.aws.functions.responses["2"] = [chunk(prelude(500)), {"InvokeComplete": {}}]
    return result


def unhealthy(made):
    with pytest.raises(UnhealthyError, match="answered 500") as caught:
        live.verify_version(made.run, VERSION)
    return caught.value


def test_a_version_that_fails_its_verification_shows_its_own_lines(made):
    made.aws.logs.write("of the live version", "1")
    made.aws.logs.write("[ERROR] KeyError: 'NAME'\rTraceback (most recent call last):\n", "2")
    assert unhealthy(made).why.splitlines() == [
        ASKED,
        "The alias live of fn was not moved.",
        "The log of version 2:",
        "| [ERROR] KeyError: 'NAME'",
        "| Traceback (most recent call last):",
    ]


def test_the_hint_is_the_command_that_reads_more(made):
    command = "`invoke logs --env sandbox --only sse-streaming --version 2 --since 1h`"
    assert unhealthy(made).hint == f"read its log ({command}), correct the function, then `invoke deploy --env sandbox`"


def test_only_the_last_lines_of_a_long_log_are_shown(made):
    for number in range(20):
        made.aws.logs.write(f"line {number}")
    lines = unhealthy(made).why.splitlines()
    assert lines[2:4] == ["The log of version 2, the last 15 of 20 lines:", "| line 5"]
    assert lines[-1] == "| line 19"


def test_lines_that_arrive_a_moment_later_are_waited_for(made):
    asked, answer = [], made.aws.logs.filter_log_events

    def late(**given):
        asked.append(given)
        if len(asked) == 4:
            made.aws.logs.write("late")
        return answer(**given)

    made.aws.logs.filter_log_events = late
    assert "| late" in unhealthy(made).why


def test_a_log_without_a_line_adds_nothing_and_is_not_waited_for_long(made):
    assert unhealthy(made).why == f"{ASKED}\nThe alias live of fn was not moved."
    assert 2 <= len(made.aws.logs.calls) <= 20


def test_a_log_that_cannot_be_read_is_a_line_more_and_the_first_error_stays(made):
    made.aws.logs.refuses["filter_log_events"] = refusal("AccessDeniedException")
    error = unhealthy(made)
    assert error.exit_code == 7
    assert "Its log could not be read: Could not read the log of fn" in error.why


def test_a_read_that_hangs_does_not_hold_back_the_error(made, monkeypatch):
    monkeypatch.setattr(failure_log, "_LONGEST", 0.05)
    never = threading.Event()
    made.aws.logs.filter_log_events = lambda **_: never.wait(30) and {"events": []}
    assert unhealthy(made).why == f"{ASKED}\nThe alias live of fn was not moved."
    never.set()


def test_a_canary_that_fails_shows_the_lines_of_the_new_version(tmp_path, monkeypatch):
    made = canary_world(tmp_path, monkeypatch)
    made.aws.cloudwatch.counts["2", "Errors"] = 3
    made.aws.functions.responses["2"].meanwhile[1] = lambda: None
    made.aws.logs.write("[ERROR] of the old one", "1")
    made.aws.logs.write("[ERROR] of the new one", "2")
    error = failed(made, UnhealthyError)
    assert "| [ERROR] of the new one" in error.why
    assert "old one" not in error.why
