"""Text from outside cannot give GitHub's runner a command."""

import json
import sys

import pytest
from invoke.context import Context
from invoke.exceptions import Exit
from support.workflow.commands import HOSTILE, taken

from delivery import errors
from delivery.cli import github, report, task

ACTIONS = {"GITHUB_ACTIONS": "true"}


@pytest.fixture
def actions(monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")


def run(body, **given):
    task.task()(body).body(Context(), **given)


@pytest.mark.parametrize("text", HOSTILE)
def test_each_hostile_text_is_taken_for_commands_without_a_stop(text):
    """The texts are not harmless by themselves, except where the runner decodes nothing."""
    assert bool(taken(text)) is (not text.startswith(("x%0A", "##[command]", "::pause-logging")))


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.usefixtures("actions")
def test_the_runner_takes_no_command_from_what_a_task_prints(capsys, text):
    def body(_):
        print(text)
        raise errors.BuildError(text, text, text)

    with pytest.raises(Exit):
        run(body)
    captured = capsys.readouterr()
    assert taken(captured.out) == ["stop", "resume"]
    assert text.split("\n")[-1].strip() in captured.out.replace("\r", "")


@pytest.mark.parametrize("error", [errors.CloudError("no"), KeyboardInterrupt(), ZeroDivisionError("::error::x")])
@pytest.mark.usefixtures("actions")
def test_commands_work_again_after_a_failure_an_interrupt_and_a_defect(capsys, error):
    def body(_):
        raise error

    with pytest.raises((Exit, ZeroDivisionError)):
        run(body)
    first, *_, last = capsys.readouterr().out.splitlines()
    token = first.removeprefix("::stop-commands::")
    assert last == f"::{token}::"


@pytest.mark.usefixtures("actions")
def test_each_task_has_a_token_of_its_own_that_nobody_can_guess(capsys):
    for _ in range(2):
        run(lambda _: None)
    tokens = {line.removeprefix("::stop-commands::").strip(":") for line in capsys.readouterr().out.splitlines()}
    assert len(tokens) == 2
    assert all(len(bytes.fromhex(token)) == 16 for token in tokens)


@pytest.mark.usefixtures("actions")
def test_with_json_stdout_holds_the_answer_alone(capsys):
    def body(_, json=False):
        del json
        print("{}")
        print("::error::progress", file=sys.stderr)

    run(body, json=True)
    captured = capsys.readouterr()
    assert captured.out == "{}\n"
    assert taken(captured.err) == ["stop", "resume"]


@pytest.mark.parametrize("text", HOSTILE)
def test_an_answer_in_json_holds_no_command_and_means_the_same(text):
    answer = report.history_json({text: ()}, {})
    assert taken(answer) == []
    assert json.loads(answer) == {text: []}


@pytest.mark.parametrize("environ", [{}, {"GITHUB_ACTIONS": ""}])
def test_elsewhere_nothing_is_printed(capsys, environ):
    with github.commands_stopped(environ):
        print("a")
    assert capsys.readouterr() == ("a\n", "")


def test_a_closed_output_does_not_end_the_task(monkeypatch):
    class Closed:
        def write(self, *_):
            raise BrokenPipeError

        flush = fileno = write

    monkeypatch.setattr(sys, "stdout", Closed())
    with github.commands_stopped(ACTIONS):
        ran = True
    assert ran


@pytest.mark.parametrize("missing", ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"])
def test_a_run_has_a_page_only_in_a_workflow(missing):
    job = {"GITHUB_SERVER_URL": "https://github.test", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "9"}
    assert github.run_page(job) == "https://github.test/o/r/actions/runs/9"
    assert github.run_page({**job, missing: ""}) == ""
