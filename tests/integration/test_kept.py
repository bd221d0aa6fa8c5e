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
import re, sys
from delivery.process.shell import Command, Shell
shell = Shell({"PATH": sys.argv[1]})
with shell.beside(Command(("sh", "-c", "echo READY=$$; exec sleep 600"))) as kept:
    program = kept.announced(re.compile(r"READY=(\\d+)"))
    outlives = Command(("sh", "-c", "echo $$; exec sleep 600"), outlives=True, holds=(kept.held,))
    shell.run(outlives, lambda line: print(program, line, flush=True))
"""


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def shell():
    return Shell({"PATH": os.environ["PATH"]})


def test_it_runs_as_long_as_the_block_and_leaves_no_file(shell):
    with shell.beside(PROGRAM) as kept:
        pid, folder = kept.announced(READY).split()
        assert runs(pid)
        assert Path(folder).stat().st_mode & 0o777 == 0o700, "its socket is there"
    assert not runs(pid)
    assert not Path(folder).exists()


def test_an_interrupt_leaves_it_to_the_command_that_needs_it(shell):
    with shell.beside(PROGRAM) as kept:
        pid, _ = kept.announced(READY).split()
        shell.stop()
        assert runs(pid)
    assert not runs(pid)
    with pytest.raises(KeyboardInterrupt), shell.beside(PROGRAM):
        pass


def test_a_program_that_ends_without_an_announcement_announces_nothing(shell):
    with shell.beside(Command(("sh", "-c", "echo 'flag provided but not defined: -debug'; exit 2"))) as kept:
        assert kept.announced(READY) == ""


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
