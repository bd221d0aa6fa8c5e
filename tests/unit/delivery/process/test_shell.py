"""Commands as values, and the promises of the shell that need no process."""

import dataclasses
import signal
import subprocess

import pytest

from delivery.errors import MissingToolError
from delivery.process.shell import Command, Shell


def test_a_command_shows_nothing_of_its_stdin():
    command = Command(("docker", "login"), stdin="hush")
    assert "hush" not in repr(command)


def test_a_command_cannot_be_changed():
    command = Command(("git", "log"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        command.argv = ("rm",)


def test_more_variables_win_and_leave_the_first_shell_as_it_was():
    first = Shell({"A": "1", "B": "1"})
    second = first.with_variables({"B": "2"})
    assert second.variables == {"A": "1", "B": "2"}
    assert first.variables == {"A": "1", "B": "1"}


def test_a_stop_reaches_every_shell_made_from_the_first_and_no_command_starts_after_it():
    first = Shell({})
    second = first.with_variables({"A": "1"})
    second.stop()
    assert first.stopped
    with pytest.raises(KeyboardInterrupt):
        first.run(Command(("true",)))


def test_a_shell_of_its_own_is_not_stopped_by_another():
    Shell({}).stop()
    assert not Shell({}).stopped


def test_a_program_that_does_not_exist_is_named_with_exit_code_3(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError(2, "No such file or directory", "docker")

    monkeypatch.setattr(subprocess, "Popen", missing)  # conftest's own refusal stands there otherwise
    with pytest.raises(MissingToolError, match=r"^docker was not found\.") as caught:
        Shell({}).run(Command(("docker", "version")))
    assert caught.value.exit_code == 3


def test_a_missing_folder_is_not_reported_as_a_missing_program(monkeypatch, tmp_path):
    gone = tmp_path / "gone"

    def missing(*_, **__):
        raise FileNotFoundError(2, "No such file or directory", gone)

    monkeypatch.setattr(subprocess, "Popen", missing)
    with pytest.raises(Exception, match="gone") as caught:
        Shell({}).run(Command(("git", "log"), cwd=gone))
    assert "git was not found" not in str(caught.value)


class Started(Exception):
    """A program was started."""


def started_with(monkeypatch, shell, command):
    """The variables that a command gets."""
    given = {}

    def start(_argv, _cwd, variables, **_):
        given.update(variables)
        raise Started

    monkeypatch.setattr("delivery.process.shell.Child", start)
    with pytest.raises(Started):
        shell.run(command)
    return given


def test_a_command_does_not_get_the_variables_that_it_leaves_out(monkeypatch):
    shell = Shell({"GIT_DIR": "/elsewhere", "HOME": "/home/ada"})
    command = Command(("git", "log"), variables={"A": "1"}, without=("GIT_DIR",))
    assert started_with(monkeypatch, shell, command) == {"HOME": "/home/ada", "A": "1"}


@pytest.mark.parametrize("credentials", [True, False])
def test_only_a_command_with_credentials_gets_those_of_aws(monkeypatch, credentials):
    shell, variables = Shell({"AWS_ACCESS_KEY_ID": "inherited"}), {"AWS_SECRET_ACCESS_KEY": "hush"}
    given = started_with(monkeypatch, shell, Command(("x",), variables=variables, credentials=credentials))
    assert set(given) == ({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} if credentials else set())


def test_a_signal_that_was_ignored_at_the_start_stays_ignored():
    """As below nohup, which ignores SIGHUP."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Shell({}).forwarding():
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
