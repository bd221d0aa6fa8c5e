"""A program that runs beside a command, and ends with the last process that needs it.

A shell of the system starts it, and waits for the end of a pipe. We hold the other end of that pipe, and so does a
command that outlives us and needs the program. So the program ends when both have ended, however we were killed.
"""

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence

from delivery import clock

_WATCH = """folder=$1
shift
"$@" &
exec >/dev/null
read -r nothing
kill "$!"
wait "$!"
rm -rf "$folder"
"""
_ANNOUNCES = 10.0  # seconds; a program that has not announced itself by then is not used
_ENDS = 5.0  # seconds


class Kept:
    """A running program, whose temporary files are in a folder that only this user can open.

    `held`: the open file that keeps it running.
    """

    def __init__(self, argv: Sequence[str], variables: Mapping[str, str]) -> None:
        """Start the program; raises FileNotFoundError."""
        self._folder = tempfile.mkdtemp(prefix="kept-")
        watched, self.held = os.pipe()
        try:
            self._process = subprocess.Popen(
                ("sh", "-c", _WATCH, "sh", self._folder, *argv),
                env={**variables, "TMPDIR": self._folder},
                stdin=watched,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            os.close(watched)

    def announced(self, announcement: re.Pattern[str]) -> str:
        """The first group of the announcement in its output; empty if it ends, or says nothing else for 10 seconds."""
        output, due, text = self._process.stdout, clock.monotonic() + _ANNOUNCES, b""
        assert output  # a pipe
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while (left := due - clock.monotonic()) > 0 and selector.select(left):
                if not (piece := os.read(output.fileno(), 1 << 16)):
                    break
                text += piece
                if found := announcement.search(text.decode(errors="replace")):
                    return found[1]
        return ""

    def end(self) -> None:
        """Let go of the program, and wait until it has ended; kill it if that takes more than 5 seconds."""
        os.close(self.held)
        try:
            self._process.wait(_ENDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._process.stdout:
            self._process.stdout.close()
