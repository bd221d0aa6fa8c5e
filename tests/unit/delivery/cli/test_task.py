"""The failure of a task becomes one message and one exit code."""

import errno
import sys

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from delivery import errors
from delivery.cli import output, task


class Foreign(Exception):
    """An error of another package that carries an exit code."""

    exit_code = 3


def ended(body, **given):
    """Run a task; returns its exit code."""
    with pytest.raises(Exit) as caught:
        task.task()(body).body(Context(), **given)
    return caught.value.code


def failing(error):
    def body(c, env=None):
        del c, env
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "code"),
    [
        *((kind("It broke."), kind.exit_code) for kind in errors.DeliveryError.__subclasses__()),
        (Foreign("It broke."), 3),
    ],
)
def test_a_failure_prints_a_message_without_a_traceback_and_ends_with_its_exit_code(capsys, error, code):
    assert ended(failing(error)) == code
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "It broke.\n")


def test_an_interrupt_ends_with_130(capsys):
    assert ended(failing(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "Interrupted; the same command again continues.\n"


def test_a_long_message_with_brackets_is_printed_as_it_is(capsys):
    text = "[stdlib 2/2] RUN [red]" + "x" * 200
    ended(failing(errors.BuildError(text)))
    assert capsys.readouterr().err == f"{text}\n"


def test_a_line_with_brackets_or_of_any_length_is_printed_as_it_is(capsys):
    output.print_line("[red] " + "x" * 200)
    assert capsys.readouterr().out == "[red] " + "x" * 200 + "\n"


def test_debug_prints_the_traceback_before_the_message(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["invoke", "--debug", "deploy"])
    ended(failing(errors.BuildError("It broke.")))
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.endswith("\nIt broke.\n")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_ends_with_a_message_and_code_3(capsys, number):
    assert ended(failing(OSError(number, "No space left on device", "plan.json"))) == 3
    error = capsys.readouterr().err
    assert "plan.json" in error
    assert "  try: free some space" in error


def test_a_defect_of_the_program_is_not_turned_into_a_message():
    with pytest.raises(ZeroDivisionError):
        task.task()(failing(ZeroDivisionError())).body(Context())


def test_a_task_without_a_failure_returns():
    assert task.task()(lambda _: None).body(Context()) is None


def test_a_task_has_the_name_and_help_of_its_function():
    @task.task(help={"env": "which"})
    def tf_plan(c, env=None):
        """Say what a deploy would change."""

    assert (tf_plan.name, tf_plan.__doc__) == ("tf_plan", "Say what a deploy would change.")
    assert [argument.help for argument in tf_plan.get_arguments()] == ["which"]
