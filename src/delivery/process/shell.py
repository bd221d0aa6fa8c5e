"""Runs commands, and interrupts them.

Each child runs in its own session, so Ctrl-C in a terminal reaches only us, and we forward it **once**. A second
interrupt makes Terraform give up its state ("Two interrupts received"); without one, its lock stays. GitHub cancels a
job with SIGINT, SIGTERM after 7.5 s and SIGKILL after 2.5 s more, for our process only. A tool that may be killed gets
less time than that, and Terraform outlives us.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from delivery import clock
from delivery.errors import ConfigurationError, MissingToolError
from delivery.process.child import Child
from delivery.process.kept import Kept
from delivery.process.output import collect

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL = 0.1  # seconds between two checks of an interrupted child
_GRACE = 5.0  # seconds until an interrupted child is killed
# Variables for Terraform, and for a build when docker has a credential helper; no other program gets them. See
# `with_credentials`.
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")


@dataclass(frozen=True)
class Command:
    """A command as data. `grace`: seconds between an interrupt and a kill.

    `without`: variables that it does not get. `credentials`: whether it gets the credentials of AWS. `outlives`:
    whether it continues if we are killed; see Child. `holds`: open files that it keeps open then, such as Kept.held.
    """

    argv: tuple[str, ...]
    cwd: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    stdin: str = field(default="", repr=False)  # may be a password
    grace: float = _GRACE
    credentials: bool = False
    outlives: bool = False
    holds: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The name of the program."""
        return Path(self.argv[0]).name


@dataclass(frozen=True)
class Result:
    """The exit code and both outputs of a command."""

    code: int
    stdout: str
    stderr: str


Credentials = Callable[[], Mapping[str, str]]
"""Returns the credentials of AWS as variables, as fresh as they can be."""


@dataclass
class _Children:
    """The running children, shared by all shells that were made from one."""

    running: set[Child] = field(default_factory=set)
    starting: int = 0
    stopped_at: float | None = None
    interrupted: bool = False
    killed: list[str] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)


def handled_signals() -> tuple[signal.Signals, ...]:
    """The signals that interrupt us: not those that were ignored at the start, as SIGHUP is below nohup."""
    return tuple(number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN)


class Shell:
    """Runs commands with one set of variables; `stop` interrupts the running ones."""

    def __init__(self, variables: Mapping[str, str], children: _Children | None = None) -> None:
        self.variables = dict(variables)
        self._children = children or _Children()
        self._credentials: Credentials = dict

    def with_variables(self, variables: Mapping[str, str]) -> "Shell":
        """A shell with more variables; `stop` of either shell reaches the children of both."""
        return self._copy({**self.variables, **variables}, self._children)

    def with_credentials(self, credentials: Credentials) -> "Shell":
        """A shell that asks for the variables with credentials at the start of each command that gets them."""
        shell = self._copy(self.variables, self._children)
        shell._credentials = credentials
        return shell

    def unstopped(self) -> "Shell":
        """A shell that `stop` does not reach, to clean up after an interrupted command."""
        return self._copy(self.variables, None)

    def hold(self, file: int) -> None:
        """Keep an open file open in the children that outlive us, and so its lock held."""
        self._children.held.append(file)

    @contextlib.contextmanager
    def beside(self, command: Command) -> Iterator[Kept]:
        """Run a program beside other commands; it ends with the block, or with a command that outlives us and holds it.

        Raises KeyboardInterrupt once `stop` was called, which does not reach the program: its command needs it to end.
        """
        if self.stopped:
            raise KeyboardInterrupt
        kept = Kept(command.argv, self._variables(command))
        try:
            yield kept
        finally:
            kept.end()

    def _copy(self, variables: Mapping[str, str], children: _Children | None) -> "Shell":
        shell = Shell(variables, children)
        shell._credentials = self._credentials
        return shell

    def run(self, command: Command, on_line: Callable[[str], None] | None = None) -> Result:
        """Run a command to its end; `on_line` gets each line of both outputs as it arrives.

        Raises MissingToolError when the program does not exist and KeyboardInterrupt once `stop` was called.
        """
        child = self._start(command)
        try:
            outputs = collect(child.stdout, child.stderr, on_line or _ignore)
            child.write(command.stdin)
            if not self._ended(child, command.grace):
                self._children.killed.append(command.name)
        finally:
            child.end()
            with self._children.lock:
                self._children.running.discard(child)
        texts = outputs()
        if self.stopped:
            raise KeyboardInterrupt
        return Result(child.code, *texts)

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._children.stopped_at is not None

    @property
    def interrupted(self) -> bool:
        """Whether a signal stopped it, and not the failure of a lane."""
        return self._children.interrupted

    @property
    def busy(self) -> bool:
        """Whether a child runs or is being started."""
        return bool(self._children.running or self._children.starting)

    @property
    def killed(self) -> tuple[str, ...]:
        """The programs that did not stop in time after an interrupt."""
        return tuple(self._children.killed)

    def stop(self) -> None:
        """Interrupt every running child, once, and refuse to start another."""
        with self._children.lock:
            if self.stopped:
                return
            self._children.stopped_at = clock.monotonic()
            for child in self._children.running:
                child.interrupt()

    @contextlib.contextmanager
    def forwarding(self, again: Callable[[], None] = lambda: None) -> Iterator[None]:
        """While open, the first signal interrupts the children, and each further one calls `again`."""

        def on_signal(number: int, frame: FrameType | None) -> None:
            del number, frame
            if self.stopped:
                again()
                return
            self._children.interrupted = True
            self.stop()
            if not self.busy:
                raise KeyboardInterrupt

        before = {number: signal.signal(number, on_signal) for number in handled_signals()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start(self, command: Command) -> Child:
        children = self._children
        with children.lock:
            children.starting += 1
        try:
            if self.stopped:
                raise KeyboardInterrupt
            held = (*children.held, *command.holds) if command.outlives else None
            child = Child(command.argv, command.cwd, self._variables(command), stdin=bool(command.stdin), outlives=held)
            with children.lock:
                children.running.add(child)
                if self.stopped:  # a signal came during the start
                    child.interrupt()
            return child
        except FileNotFoundError as error:
            if command.cwd and not command.cwd.is_dir():
                raise ConfigurationError(f"The folder {command.cwd} does not exist.") from error
            raise MissingToolError(f"{command.name} was not found.", str(error), "invoke doctor") from error
        finally:
            with children.lock:
                children.starting -= 1

    def _variables(self, command: Command) -> dict[str, str]:
        variables = {name: value for name, value in self.variables.items() if name not in command.without}
        variables.update(command.variables)
        if command.credentials:
            return {**variables, **self._credentials()}
        return {name: value for name, value in variables.items() if name not in _CREDENTIALS}

    def _ended(self, child: Child, grace: float) -> bool:
        """Wait for the end of a child; False if it was interrupted and did not end within `grace` seconds."""
        while not child.ended(_POLL):
            stopped_at = self._children.stopped_at
            if stopped_at is not None and clock.monotonic() - stopped_at > grace:
                return False
        return True


def _ignore(line: str) -> None:
    del line
