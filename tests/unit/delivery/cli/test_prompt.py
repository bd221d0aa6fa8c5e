"""A question before a change: when a person is asked, and which answers allow the change."""

import builtins
import io
import sys

import pytest
from support.world import world

from delivery import errors
from delivery.cli import prompt


class Terminal(io.StringIO):
    """A stdin that a person types into."""

    def isatty(self):
        return True


@pytest.mark.parametrize(("protected", "yes"), [(False, False), (False, True), (True, True)])
def test_an_open_environment_or_yes_needs_no_question(tmp_path, monkeypatch, protected, yes):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(builtins, "input", lambda _: pytest.fail("asked"))
    prompt.confirm(world(tmp_path, protected=protected).run, "Apply?", yes=yes)


def test_a_protected_environment_without_a_terminal_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(errors.RefusedError) as caught:
        prompt.confirm(world(tmp_path, protected=True).run, "Apply?", yes=False)
    assert str(caught.value) == "sandbox is protected.\n  try: the same command with --yes"


@pytest.mark.parametrize(
    ("answer", "agreed"), [("y", True), (" YES ", True), ("n", False), ("", False), ("yep", False)]
)
def test_only_y_or_yes_allows_the_change(tmp_path, monkeypatch, answer, agreed):
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


def test_an_ended_input_is_no_yes(tmp_path, monkeypatch):
    def ended(_):
        raise EOFError

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(builtins, "input", ended)
    with pytest.raises(errors.RefusedError):
        prompt.confirm(world(tmp_path, protected=True).run, "Apply?", yes=False)


def test_a_question_with_a_reason_is_asked_in_every_environment(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    run = world(tmp_path).run
    with pytest.raises(errors.RefusedError) as caught:
        prompt.ask(run, "Remove these?", yes=False, reason="A removal is final.")
    assert caught.value.what == "A removal is final."
    assert "--yes" in caught.value.hint
    assert prompt.ask(run, "Remove these?", yes=True, reason="A removal is final.") is None


def test_a_closed_stdin_is_no_terminal(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(errors.RefusedError, match="protected"):
        prompt.confirm(world(tmp_path, protected=True).run, "Apply?", yes=False)
