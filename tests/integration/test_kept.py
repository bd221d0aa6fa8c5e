"""A program that runs beside the commands ends with the last process that needs it, however its run ends."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.waiting import until

from delivery.process.shell import Command, Shell

READY = re.compile(r"READY='([^']*)'")
PROGRAM = Command(("sh", "-c", "echo \"READY='$$ $TMPDIR'\"; exec sleep 600"))
# Keeps a program, starts a command that outlives it, and says both process numbers once both run.
OWNER = """
import re, sys, threading
from delivery.process.shell import Command, Shell
shell = Shell({"PATH": sys.argv[1]})
kept = shell.keep(Command(("sh", "-c", "echo READY=$$; exec sleep 600")), re.compile(r"READY=(\\d+)"))
outlives = Command(("sh", "-c", "echo $$; exec sleep 600"), outlives=True)
shell.run(outlives, lambda line: print(kept, line, flush=True))
"""


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def shell():
    made = Shell({"PATH": os.environ["PATH"]})
    yield made
    made.close()


def kept(shell, **variables):
    """The process number of the kept program, and its own folder for temporary files."""
    pid, folder = shell.with_variables(variables).keep(PROGRAM, READY).split()
    return int(pid), Path(folder)


def test_it_runs_until_the_shell_is_closed_and_leaves_no_file(shell):
    pid, folder = kept(shell)
    assert runs(pid)
    assert folder.stat().st_mode & 0o777 == 0o700, "its socket is there"
    shell.close()
    assert not runs(pid)
    assert not folder.exists()


def test_one_program_serves_all_commands_until_its_variables_change(shell):
    first, _ = kept(shell, A="1")
    assert kept(shell, A="1")[0] == first
    second, _ = kept(shell, A="2")
    assert second != first
    assert not runs(first)


def test_a_program_that_ends_without_an_announcement_announces_nothing(shell):
    assert shell.keep(Command(("sh", "-c", "echo 'flag provided but not defined: -debug'; exit 2")), READY) == ""


def test_after_a_kill_of_its_run_it_ends_with_the_command_that_outlives_the_run():
    owner = subprocess.Popen([sys.executable, "-c", OWNER, os.environ["PATH"]], stdout=subprocess.PIPE, text=True)
    program, command = map(int, owner.stdout.readline().split())
    try:
        owner.send_signal(signal.SIGKILL)
        owner.communicate(timeout=10)
        assert runs(command)
        assert runs(program), "the command that outlives its run needs it"
        os.kill(command, signal.SIGTERM)
        until(lambda: not runs(program), 20, "the end of the program")
    finally:
        for pid in (program, command):
            if runs(pid):
                os.kill(pid, signal.SIGKILL)
