"""The running processes of this machine."""

import os

import psutil
import pytest

from delivery.process import running


class Process:
    """A process as psutil shows it; `error` is raised when its environment is read."""

    def __init__(self, pid, name="terraform", status=psutil.STATUS_SLEEPING, error=None):
        self.pid, self._name, self._status, self._error = pid, name, status, error

    def name(self):
        if isinstance(self._error, psutil.NoSuchProcess):
            raise self._error
        return self._name

    def status(self):
        return self._status

    def create_time(self):
        return 12.5

    def environ(self):
        if self._error:
            raise self._error
        return {"TF_DATA_DIR": "/x"}


@pytest.fixture
def machine(monkeypatch):
    processes = []
    monkeypatch.setattr(psutil, "process_iter", lambda: iter(processes))
    return processes


def test_the_processes_of_a_program_have_their_start_and_their_variables(machine):
    machine += [Process(9), Process(3), Process(4, name="bash")]
    assert [(result.pid, result.began, result.variables) for result in running.named("terraform")] == [
        (3, 12.5, {"TF_DATA_DIR": "/x"}),
        (9, 12.5, {"TF_DATA_DIR": "/x"}),
    ]


def test_a_zombie_does_not_run(machine):
    machine.append(Process(3, status=psutil.STATUS_ZOMBIE))
    assert running.named("terraform") == ()


def test_the_variables_of_another_user_are_unknown(machine):
    machine.append(Process(3, error=psutil.AccessDenied(3)))
    assert running.named("terraform")[0].variables == {}


def test_a_process_that_ends_meanwhile_is_left_out(machine):
    machine.append(Process(3, error=psutil.NoSuchProcess(3)))
    assert running.named("terraform") == ()


def test_variables_never_show_in_a_message():
    assert "hush" not in repr(running.Running(os.getpid(), 0.0, {"AWS_SECRET_ACCESS_KEY": "hush"}))
