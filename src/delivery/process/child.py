"""One child process: its session, its pipes, and how it is interrupted."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


class Child:
    """A running program. Read both of its outputs, which are text, to their ends."""

    def __init__(
        self,
        argv: Sequence[str],
        cwd: Path | None,
        variables: Mapping[str, str],
        *,
        stdin: bool,
        outlives: tuple[int, ...] | None,
    ) -> None:
        """Start the program; raises FileNotFoundError. `stdin`: whether `write` sends it an input.

        `outlives`: if we are killed, the program continues to its end, with these open files; None if it should end
        too. It also holds the reading ends of its outputs, so that no write fails then. A broken pipe ends a Go
        program at once (os/signal, "SIGPIPE"), and a Terraform that ends so leaves its lock, and resources that are in
        no state.
        """
        self._interrupted = False
        with contextlib.ExitStack() as ours:
            (out, wrote_out), (err, wrote_err) = os.pipe(), os.pipe()
            for written in (wrote_out, wrote_err):
                ours.callback(os.close, written)
            self.stdout: IO[str] = os.fdopen(out, errors="replace")
            self.stderr: IO[str] = os.fdopen(err, errors="replace")
            self._process = subprocess.Popen(
                argv,
                cwd=cwd,
                env=variables,
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=wrote_out,
                stderr=wrote_err,
                text=True,
                start_new_session=True,
                pass_fds=() if outlives is None else (out, err, *outlives),
            )

    @property
    def code(self) -> int:
        """The exit code of an ended program; minus the signal if a signal ended it."""
        return int(self._process.returncode)

    def write(self, text: str) -> None:
        """Send the whole input; a program that does not read it is no error."""
        if text and self._process.stdin:
            with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
                pipe.write(text)

    def ended(self, seconds: float) -> bool:
        """Whether the program has ended; wait for that at most `seconds`."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
            return True
        return False

    def interrupt(self) -> None:
        """Send SIGINT, once: two threads may both interrupt the program."""
        if self._interrupted:
            return
        self._interrupted = True
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)

    def end(self) -> None:
        """Kill the program and everything that it left running in its session."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
