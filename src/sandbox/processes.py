"""Starts, finds and ends processes for the sandbox, and holds locks between them.

A daemon is recognised by its arguments, which name this checkout; there is no pidfile that could be out of date.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from sandbox.errors import SandboxError
from sandbox.layout import Layout

POLL = 0.02
"""Seconds between two checks of a condition that is waited for."""

_KILL_SECONDS = 5.0
"""How long a killed process may take to end: the kernel may have to finish a write for it."""

_children: list[subprocess.Popen[bytes]] = []
"""The daemons that this Python process started. Without a reference Python would warn that they still run."""


def spawn(layout: Layout, name: str, argv: Sequence[str], env: Mapping[str, str]) -> psutil.Process:
    """Start a daemon that outlives this process: its own session, no terminal, output to `log(layout, name)`.

    Args:
        layout: the checkout's sandbox.
        name: names the log file.
        argv: program and arguments; some of them name this checkout, for `find`.
        env: the daemon's whole environment.

    Raises:
        SandboxError: the program cannot be executed.
    """
    layout.logs.mkdir(parents=True, exist_ok=True)
    with log(layout, name).open("wb") as output:
        try:
            child = subprocess.Popen(
                argv,
                env=dict(env),
                cwd=layout.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxError(f"cannot start {name}", f"{argv[0]}: {error.strerror}") from error
    _children.append(child)
    return psutil.Process(child.pid)


def log(layout: Layout, name: str) -> Path:
    """The file that the daemon of that name writes to."""
    return layout.logs / f"{name}.log"


def last_lines(layout: Layout, name: str, count: int = 20) -> str:
    """The end of the daemon's log, for error messages; "" when there is no log."""
    file = log(layout, name)
    return "\n".join(file.read_text(errors="replace").splitlines()[-count:]) if file.exists() else ""


def find(arguments: Sequence[str]) -> psutil.Process | None:
    """The running process that has these arguments side by side; of several, their common parent."""
    matching = _matching(arguments)
    pids = {process.pid for process in matching}
    return next((process for process in matching if process.info["ppid"] not in pids), None)


def alive(process: psutil.Process) -> bool:
    """Whether exactly this process runs; a zombie does not run, nor does a later process with the same number."""
    try:
        # A killed process is a zombie while its other threads still end: until then its port is not free.
        ended = process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
        return process.is_running() and not ended
    except psutil.NoSuchProcess:
        return False


def stop(process: psutil.Process, grace: float) -> None:
    """SIGTERM to the daemon's process group, SIGKILL after `grace` seconds; returns when the daemon has ended.

    Raises:
        SandboxError: it runs even after SIGKILL.
    """
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, _KILL_SECONDS)):
        if not alive(process):
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        if wait_until(lambda: not alive(process), seconds):
            return
    raise SandboxError(f"process {process.pid} does not end", hint=f"kill -9 {process.pid}")


def kill_all(arguments: Sequence[str]) -> None:
    """SIGKILL to every process with these arguments side by side; returns when none is left.

    Raises:
        SandboxError: some run even after SIGKILL.
    """

    def killed() -> bool:
        matching = _matching(arguments)
        for process in matching:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return not matching

    if not wait_until(killed, _KILL_SECONDS):
        raise SandboxError(f"processes with the arguments {' '.join(arguments)} do not end")


@contextlib.contextmanager
def locked(layout: Layout, name: str) -> Iterator[None]:
    """Hold the checkout's lock of that name; waits for its holder. The kernel frees the lock when we die."""
    layout.state.mkdir(parents=True, exist_ok=True)
    with (layout.state / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run(argv: Sequence[str], env: Mapping[str, str] | None = None, timeout: float = 60, cwd: Path | None = None) -> str:
    """The output of a short command.

    Args:
        argv: program and arguments.
        env: its whole environment; ours when None.
        timeout: seconds after which it is killed.
        cwd: its working folder; ours when None.

    Raises:
        SandboxError: it cannot be executed, fails, or takes too long; with the last lines it wrote.
    """
    command = " ".join(argv[:3])
    try:
        done = subprocess.run(
            argv,
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
        )
    except OSError as error:
        raise SandboxError(f"cannot run `{command}`", error.strerror or "") from error
    except subprocess.TimeoutExpired as error:
        raise SandboxError(f"`{command}` did not end in {timeout:.0f} s") from error
    if done.returncode:
        tail = "\n".join(done.stderr.decode(errors="replace").strip().splitlines()[-5:])
        raise SandboxError(f"`{command}` failed with code {done.returncode}", tail)
    return done.stdout.decode(errors="replace")


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Check `condition` until it holds or `seconds` have passed; returns its last value."""
    deadline = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(POLL)
    return holds


def _matching(arguments: Sequence[str]) -> list[psutil.Process]:
    """The processes with these arguments side by side; a zombie has no arguments."""
    wanted = "\0".join(("", *arguments, ""))
    running = psutil.process_iter(["cmdline", "ppid"])
    return [process for process in running if wanted in "\0".join(("", *(process.info["cmdline"] or ()), ""))]
