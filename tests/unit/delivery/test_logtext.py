"""A log entry is printed as lines that a person can read."""

import json

import pytest

from delivery import logtext


def test_a_traceback_of_awslambdaric_becomes_lines():
    """The runtime joins the lines with carriage returns and indents them with no-break spaces."""
    message = '[ERROR] ValueError: no\rTraceback (most recent call last):\r\xa0\xa0File "/a.py", line 1, in f\r'
    assert logtext.lines(message) == (
        "[ERROR] ValueError: no",
        "Traceback (most recent call last):",
        '  File "/a.py", line 1, in f',
    )


@pytest.mark.parametrize(
    ("key", "stack"),
    [("stackTrace", ['  File "/a.py", line 1, in f\n    g()\n']), ("exception", 'File "/a.py", line 1, in f\n  g()')],
)
def test_json_stays_one_line_and_its_traceback_follows_as_text(key, stack):
    line = json.dumps({"level": "ERROR", key: stack})
    first, *frames = logtext.lines(line)
    assert first == line
    assert [frame.strip() for frame in frames] == ['File "/a.py", line 1, in f', "g()"]


@pytest.mark.parametrize("line", ['{"a": 1}', "{not json", '{"stackTrace": []}', '["stackTrace"]', "REPORT\tx"])
def test_a_line_without_a_traceback_stays_as_it_is(line):
    assert logtext.lines(f"{line}\n") == (line,)


def test_nothing_in_a_log_moves_the_cursor_of_a_terminal():
    assert logtext.lines("\x1b[2Jgone") == ("\\x1b[2Jgone",)
