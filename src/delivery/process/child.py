"""One child process: a session of its own, its pipes, and how it is asked to stop."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


class Child:
    """A program that runs. Its two outputs are text, to be read to their ends."""

    def __init__(
        self, argv: Sequence[str], cwd: Path | None, variables: Mapping[str, str], fed: bool, outlives: bool
    ) -> None:
        """Start it; raises FileNotFoundError. `fed`: it gets a stdin from `tell`.

        `outlives`: if we are killed, it goes on to its own end. It holds the reading ends of its outputs too, so that
        no write fails then: a broken pipe ends a Go program at once (os/signal, "SIGPIPE"), and a Terraform that ends
        so leaves its lock and what it made without a state. Every other tool is best ended by that.
        """
        self._asked = False
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
                stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
                stdout=wrote_out,
                stderr=wrote_err,
                text=True,
                start_new_session=True,
                pass_fds=(out, err) if outlives else (),
            )

    @property
    def code(self) -> int:
        """Its exit code, once it has ended; minus the signal that ended it."""
        return int(self._process.returncode)

    def tell(self, stdin: str) -> None:
        """Give it `stdin` whole, as far as it reads."""
        if stdin and self._process.stdin:
            with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
                pipe.write(stdin)

    def ended(self, seconds: float) -> bool:
        """Whether it has ended, waiting for that at most so many seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
            return True
        return False

    def interrupt(self) -> None:
        """Ask it to stop, once however often this is called: two threads may both have a reason."""
        if self._asked:
            return
        self._asked = True
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)

    def end(self) -> None:
        """End it, and what it left running: it leads its session."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
