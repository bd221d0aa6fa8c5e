"""A command line that Invoke cannot parse ends with exit code 2, and with what to type instead."""

import shlex
from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.exceptions import Exit
from invoke.loader import FilesystemLoader
from invoke.program import Program

from delivery.cli import usage

ROOT = Path(__file__).parents[4]
TASKS, _ = FilesystemLoader(start=str(ROOT)).load("tasks")


def typed(words):
    """Type a command; returns its exit code."""
    program = Program(namespace=Collection.from_module(TASKS))
    usage.install(program, ROOT / "invoke.yaml")
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


@pytest.mark.parametrize(
    ("content", "what"), [("environments: [", "invoke.yaml cannot be read."), (None, "invoke.yaml is missing.")]
)
def test_a_project_file_that_cannot_be_read_is_named(tmp_path, content, what):
    file = tmp_path / "invoke.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Exit) as ended:
        usage.install(Program(), file)
    assert ended.value.code == 2
    assert ended.value.message.startswith(what)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("x.yaml", None, "There is no such file."),
        ("x.yaml", "a: [", "while parsing a flow node"),
        ("x.txt", "a: b", "Config files of type 'txt'"),
        ("x.json", "{", "Expecting property name"),
    ],
)
@pytest.mark.parametrize("given", ["option", "variable"])
def test_a_runtime_file_that_cannot_be_read_is_named(capsys, monkeypatch, tmp_path, given, name, content, why):
    file = tmp_path / name
    if content is not None:
        file.write_text(content)
    if given == "variable":
        monkeypatch.setenv("INVOKE_RUNTIME_CONFIG", str(file))
    assert typed(f"--config {file} overview" if given == "option" else "overview") == 2
    text = capsys.readouterr().err
    assert text.startswith(f"The file of --config or INVOKE_RUNTIME_CONFIG cannot be read: {file}\n")
    assert why in text


def test_a_variable_that_its_setting_cannot_have_is_named_without_its_value(capsys, monkeypatch, tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("verify: {between: 10.0}")
    monkeypatch.setenv("INVOKE_VERIFY_BETWEEN", "soon")
    assert typed(f"--config {file} overview") == 2
    assert "Set are: INVOKE_VERIFY_BETWEEN\n" in capsys.readouterr().err
