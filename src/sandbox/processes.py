"""The one place where the sandbox starts, finds and ends processes, and holds locks between them."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.layout import Layout

POLL = 0.02
"""Seconds between two looks at something awaited."""

_LAST_SECONDS = 5.0
"""How long a killed process may take to go: the kernel may have to write for it."""

_children: list[subprocess.Popen[bytes]] = []
"""Daemons started by this Python process: kept so that one that dies early is reaped, not left a zombie."""


@dataclass(frozen=True)
class Process:
    """A daemon. `birth` tells it from a later process that was given the same number."""

    name: str
    pid: int
    birth: str
    log: Path

    @property
    def alive(self) -> bool:
        """Whether exactly this process still runs."""
        return _birth(self.pid) == self.birth

    def last_lines(self, count: int = 20) -> str:
        """The end of the log, for error messages."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-count:])


def spawn(layout: Layout, name: str, argv: Sequence[str], env: Mapping[str, str]) -> Process:
    """Start a daemon that outlives us: own session, no terminal, output to `logs/<name>.log`.

    Raises:
        SandboxError: the program cannot be executed.
    """
    layout.logs.mkdir(parents=True, exist_ok=True)
    layout.state.mkdir(parents=True, exist_ok=True)
    log = layout.logs / f"{name}.log"
    with log.open("wb") as output:
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
            raise SandboxError(f"cannot start {name}: {argv[0]}: {error.strerror}") from error
    _children.append(child)
    process = Process(name, child.pid, _birth(child.pid), log)
    try:
        _write(_pidfile(layout, name), json.dumps({"pid": process.pid, "birth": process.birth}))
    except BaseException:
        stop(process, grace=0)
        raise
    return process


def find(layout: Layout, name: str) -> Process | None:
    """The daemon of that name, if it is alive and the same process that was started."""
    try:
        record = json.loads(_pidfile(layout, name).read_text())
        process = Process(name, int(record["pid"]), str(record["birth"]), layout.logs / f"{name}.log")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return process if process.alive else None


def stop(process: Process, grace: float) -> None:
    """SIGTERM to the daemon's process group, SIGKILL after `grace` seconds; returns when it is gone."""
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, _LAST_SECONDS)):
        if not process.alive:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        if wait_until(lambda: not process.alive, patience):
            return
    raise SandboxError(f"{process.name} (process {process.pid}) does not end", f"kill -9 {process.pid}")


def kill_all(arguments: Sequence[str]) -> None:
    """SIGKILL to every process with these arguments side by side; returns when they are gone."""
    if not wait_until(lambda: not _kill_each(arguments), _LAST_SECONDS):
        raise SandboxError(f"processes with {' '.join(arguments)} do not end")


def _kill_each(arguments: Sequence[str]) -> int:
    wanted = "\0".join(("", *arguments, "")).encode()
    found = 0
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)
                found += 1
    return found


@contextlib.contextmanager
def locked(layout: Layout, name: str) -> Iterator[None]:
    """Hold the checkout's lock of that name; waits for whoever holds it. The kernel frees it if we die."""
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
        cwd: where it runs; where we are when None.

    Raises:
        SandboxError: it cannot be executed, fails, or is too slow; with the last lines it wrote.
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
        raise SandboxError(f"cannot run {command}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise SandboxError(f"`{command}` did not end in {timeout:.0f} s") from error
    if done.returncode:
        tail = "\n".join(done.stderr.decode(errors="replace").strip().splitlines()[-5:])
        raise SandboxError(f"`{command}` failed with code {done.returncode}: {tail}")
    return done.stdout.decode(errors="replace")


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Look at `condition` until it holds or `seconds` have passed; what it said last."""
    deadline = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(POLL)
    return holds


def _birth(pid: int) -> str:
    """When it began: boot id and clock ticks since boot (proc(5), field 22); "" when dead or a zombie."""
    for child in _children:
        child.poll()
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def _pidfile(layout: Layout, name: str) -> Path:
    return layout.state / f"{name}.pid"


def _write(path: Path, text: str) -> None:
    """Replace a file at once, so that no reader and no crash sees half of it."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)
