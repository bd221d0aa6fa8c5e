"""A command line that Invoke cannot parse ends with exit code 2, and with what to type instead."""

import shlex
from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.loader import FilesystemLoader
from invoke.program import Program

from delivery.cli import usage

TASKS, _ = FilesystemLoader(start=str(Path(__file__).parents[4])).load("tasks")


def typed(words):
    """Type a command; returns its exit code."""
    program = Program(namespace=Collection.from_module(TASKS))
    usage.install(program)
    with pytest.raises(SystemExit) as ended:
        program.run(["invoke", *shlex.split(words)])
    return ended.value.code


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        ("deplyo --env prod", "Unknown task: deplyo", "invoke deploy"),
        ("--help deplyo", "Unknown task: deplyo", "invoke deploy"),
        ("nonsense", "Unknown task: nonsense", "`invoke`, which lists the tasks"),
        ("deploy prod", "Unknown task: prod", "invoke deploy --env prod"),
        ("deploy --evn prod", "invoke deploy has no option --evn.", "invoke deploy --env"),
        ("deploy --no-biuld", "invoke deploy has no option --no-biuld.", "invoke deploy --no-build"),
        ("bootstrap -x", "invoke bootstrap has no option -x.", "invoke --help"),
        ("--nonsense", "invoke has no option --nonsense.", "invoke --help"),
        ("deploy --env", "--env needs a value.", "invoke deploy --env VALUE"),
        ("deploy --env prod --canary", "--canary needs a value.", "invoke deploy --canary VALUE"),
        ("promote --from", "--from needs a value.", "invoke promote --from VALUE"),
        ("tf-plan --lock-wait", "--lock-wait needs a value.", "invoke tf-plan --lock-wait VALUE"),
        ("deploy --yes=1", "--yes takes no value: '1'", "invoke deploy --yes"),
        ("deploy --env a --env b", "--env was given twice.", "invoke deploy --env VALUE"),
    ],
)
def test_a_wrong_command_line_says_what_to_type(capsys, words, what, hint):
    assert typed(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert (lines[0], lines[-1]) == (what, f"  try: {hint}")


def test_an_unknown_option_names_those_of_the_task(capsys):
    typed("hold --because fire")
    assert "  Its options are: --env, --reason, --until\n" in capsys.readouterr().err


def test_what_invoke_refuses_for_another_reason_ends_with_exit_code_2_too(capsys):
    assert typed("deploy --list verify") == 2
    assert capsys.readouterr().err.startswith("'verify' is ambiguous when given after an optional-value flag")


def test_a_command_line_that_can_be_parsed_is_left_to_invoke(capsys):
    assert typed("--help deploy") == 0
    assert "--canary" in capsys.readouterr().out
