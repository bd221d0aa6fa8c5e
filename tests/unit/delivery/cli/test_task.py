"""A task's failure becomes one message and one exit code; a protected environment is asked about."""

import builtins
import errno
import io
import signal
import sys

import pytest
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit
from support.world import world

from delivery import errors
from delivery.cli import output, prompt, session, task


class Foreign(Exception):
    """An error of another package that carries an exit code."""

    exit_code = 3


def ended(body, **given):
    """Run a task; returns the code it ends with."""
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
def test_a_failure_is_told_on_stderr_without_a_traceback_and_ends_with_its_code(capsys, error, code):
    assert ended(failing(error)) == code
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "It broke.\n")


def test_an_interrupt_ends_with_130(capsys):
    assert ended(failing(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "Interrupted; the same command again continues.\n"


def test_a_long_message_with_brackets_is_printed_as_it_is(capsys):
    text = "[stdlib 2/2] RUN [red]" + "x" * 200
    ended(failing(errors.BuildError(text)))
    assert capsys.readouterr().err == f"{text}\n"


def test_a_line_with_brackets_or_of_any_length_is_said_as_it_is(capsys):
    output.print_line("[red] " + "x" * 200)
    assert capsys.readouterr().out == "[red] " + "x" * 200 + "\n"


def test_debug_shows_where_it_happened_before_the_message(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["invoke", "--debug", "deploy"])
    ended(failing(errors.BuildError("It broke.")))
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.endswith("\nIt broke.\n")


def test_a_defect_of_ours_is_not_dressed_up_as_a_message():
    with pytest.raises(ZeroDivisionError):
        task.task()(failing(ZeroDivisionError())).body(Context())


def test_a_task_that_works_just_returns():
    assert task.task()(lambda _: None).body(Context()) is None


def test_a_task_keeps_its_name_and_help():
    @task.task(help={"env": "which"})
    def tf_plan(c, env=None):
        """Say what a deploy would change."""

    assert (tf_plan.name, tf_plan.__doc__) == ("tf_plan", "Say what a deploy would change.")
    assert [argument.help for argument in tf_plan.get_arguments()] == ["which"]


@pytest.fixture
def context():
    environments = {"preprod": {"account": "111111111111", "region": "eu-west-1"}, "prod": {"account": "bad"}}
    return Context(Config(overrides={"environments": environments}))


@pytest.mark.parametrize(
    ("env", "what"),
    [("qa", "Unknown environment: qa"), (None, "No environment was named."), ("prod", "Malformed setting")],
)
def test_invoke_s_own_configuration_is_understood(tmp_path, context, env, what):
    with pytest.raises(errors.ConfigurationError, match=what), session.session(context, root=tmp_path) as opened:
        opened.open(env)


def test_signals_are_as_before_once_the_bench_is_closed(tmp_path, context):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with pytest.raises(errors.ConfigurationError), session.session(context, root=tmp_path) as opened:
        opened.open("qa")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


class Terminal(io.StringIO):
    """A keyboard with somebody at it."""

    def isatty(self):
        return True


@pytest.mark.parametrize(("protected", "yes"), [(False, False), (False, True), (True, True)])
def test_nobody_is_asked_without_need(tmp_path, monkeypatch, protected, yes):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(builtins, "input", lambda _: pytest.fail("asked"))
    prompt.confirm(world(tmp_path, protected=protected).run, "Apply?", yes=yes)


def test_a_protected_environment_is_refused_where_nobody_can_be_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(errors.RefusedError) as caught:
        prompt.confirm(world(tmp_path, protected=True).run, "Apply?", yes=False)
    assert str(caught.value) == "sandbox is protected.\n  try: the same command with --yes"


@pytest.mark.parametrize(
    ("answer", "agreed"), [("y", True), (" YES ", True), ("n", False), ("", False), ("yep", False)]
)
def test_only_a_yes_is_a_yes(tmp_path, monkeypatch, answer, agreed):
    asked = []
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(builtins, "input", lambda question: asked.append(question) or answer)
    run = world(tmp_path, protected=True).run
    if agreed:
        prompt.confirm(run, "Apply this to prod?", yes=False)
    else:
        with pytest.raises(errors.RefusedError, match="Not confirmed; nothing was changed"):
            prompt.confirm(run, "Apply this to prod?", yes=False)
    assert asked == ["Apply this to prod? [y/N] "]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_ends_with_3(capsys, number):
    assert ended(failing(OSError(number, "No space left on device"))) == 3
    assert "The disk is full." in capsys.readouterr().err
