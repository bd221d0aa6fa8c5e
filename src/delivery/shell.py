"""Processes: the only module that starts one.

Each child runs in a session of its own, so a terminal's Ctrl-C reaches us alone and we forward it **once**: a second
interrupt makes Terraform give up its state ("Two interrupts received"), and none at all leaves its lock behind.
"""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from delivery import clock
from delivery.errors import ConfigurationError, MissingToolError
from delivery.output import collect

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL = 0.1  # seconds between two looks at a child that was asked to stop


@dataclass(frozen=True)
class Command:
    """What to run, as data. `grace`: seconds it gets to stop by itself after an interrupt."""

    argv: tuple[str, ...]
    cwd: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    stdin: str = field(default="", repr=False)  # may be a password
    grace: float = 20.0


@dataclass(frozen=True)
class Result:
    """How a command ended: its exit code and both outputs as text."""

    code: int
    stdout: str
    stderr: str


@dataclass
class _Children:
    """What is running, shared by every shell made from one."""

    running: set[subprocess.Popen[str]] = field(default_factory=set)
    starting: int = 0
    stopped_at: float | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)


class Shell:
    """Runs commands with one environment; `stop` asks whatever is running to end."""

    def __init__(self, variables: Mapping[str, str], children: _Children | None = None) -> None:
        self.variables = dict(variables)
        self._children = children or _Children()

    def with_variables(self, variables: Mapping[str, str]) -> "Shell":
        """The same shell with more variables; its children are this one's too, so `stop` reaches them."""
        return Shell({**self.variables, **variables}, self._children)

    def unstopped(self) -> "Shell":
        """A shell that `stop` has not reached: for taking away what an interrupted command left."""
        return Shell(self.variables)

    def run(self, command: Command, on_line: Callable[[str], None] | None = None) -> Result:
        """Run to the end, giving `on_line` each line of both outputs as it comes.

        Raises MissingToolError when the program does not exist and KeyboardInterrupt once `stop` was called.
        """
        child = self._start(command)
        try:
            outputs = collect(child.stdout, child.stderr, on_line or _ignore)
            _tell(child, command.stdin)
            self._wait(child, command.grace)
            texts = outputs()
        finally:
            _kill_session(child)
            with self._children.lock:
                self._children.running.discard(child)
        if self.stopped:
            raise KeyboardInterrupt
        return Result(child.returncode, *texts)

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._children.stopped_at is not None

    def stop(self) -> None:
        """Interrupt every running child, once, and refuse to start another."""
        with self._children.lock:
            if self.stopped:
                return
            self._children.stopped_at = clock.monotonic()
            for child in self._children.running:
                _interrupt(child)

    @contextlib.contextmanager
    def forwarding(self) -> Iterator[None]:
        """While open, the first signal is forwarded to the children once; the rest are swallowed."""
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.stopped:
            return
        self.stop()
        if not self._children.running and not self._children.starting:
            raise KeyboardInterrupt

    def _start(self, command: Command) -> subprocess.Popen[str]:
        children = self._children
        with children.lock:
            children.starting += 1
        try:
            if self.stopped:
                raise KeyboardInterrupt
            child = _popen(command, {**self.variables, **command.variables})
            with children.lock:
                children.running.add(child)
                if self.stopped:  # a signal came while it was being started
                    _interrupt(child)
            return child
        except FileNotFoundError as error:
            if command.cwd and not command.cwd.is_dir():
                raise ConfigurationError(f"The folder {command.cwd} is gone.") from error
            name = Path(command.argv[0]).name
            raise MissingToolError(f"{name} was not found.", str(error), "invoke doctor") from error
        finally:
            with children.lock:
                children.starting -= 1

    def _wait(self, child: subprocess.Popen[str], grace: float) -> None:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_POLL)
                return
            stopped_at = self._children.stopped_at
            if stopped_at is not None and clock.monotonic() - stopped_at > grace:
                return


def _ignore(line: str) -> None:
    del line


def _popen(command: Command, variables: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command.argv,
        cwd=command.cwd,
        env=variables,
        stdin=subprocess.PIPE if command.stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def _interrupt(child: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.send_signal(signal.SIGINT)


def _tell(child: subprocess.Popen[str], stdin: str) -> None:
    if stdin and child.stdin:
        with contextlib.suppress(BrokenPipeError), child.stdin:
            child.stdin.write(stdin)


def _kill_session(child: subprocess.Popen[str]) -> None:
    # The child leads its session, so this also ends what it left running.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
