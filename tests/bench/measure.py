"""Runs commands one after the other, and measures them together."""

import contextlib
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.samples import Sample

_POLL = 0.02  # seconds between two readings of the peak memory


@dataclass(frozen=True)
class Typed:
    """One command as a person types it. `environ`: its whole environment."""

    argv: tuple[str, ...]
    cwd: Path
    environ: Mapping[str, str]


class CommandFailedError(Exception):
    """A command ended with another code than 0."""


def run(commands: Sequence[Typed], log: Path, *, memory: bool = False) -> Sample:
    """Run the commands, and write what they print to `log`; raises CommandFailedError for the first that fails.

    CPU seconds are those of each command and of its children that were waited for (getrusage(2), RUSAGE_CHILDREN). The
    Docker engine and the emulator are not among them: they ran before. `memory`: read the peak memory of the commands'
    own processes too; their children do not count.
    """
    began, cpu, peaks = time.monotonic(), 0.0, [0.0]
    with log.open("ab") as output:
        for command in commands:
            child = subprocess.Popen(
                command.argv,
                cwd=command.cwd,
                env=dict(command.environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            with _peak_memory(child.pid, peaks) if memory else contextlib.nullcontext():
                status, usage = _wait(child)
            child.returncode = os.waitstatus_to_exitcode(status)
            cpu += usage.ru_utime + usage.ru_stime
            if child.returncode:
                raise CommandFailedError(f"`{' '.join(command.argv)}` ended with {child.returncode}:\n{_last(log)}")
    return Sample(time.monotonic() - began, cpu, max(peaks))


def _wait(child: "subprocess.Popen[bytes]") -> tuple[int, resource.struct_rusage]:
    """The status and the usage of an ended child. An interrupt of ours is the child's too: it may hold a lock."""
    try:
        _, status, usage = os.wait4(child.pid, 0)
    except KeyboardInterrupt:
        child.send_signal(signal.SIGINT)
        child.wait()
        raise
    return status, usage


def high_water_mark(status: str) -> float:
    """The peak memory in MB (10**6 bytes) of the text of /proc/PID/status; 0 if it has none, as of a zombie.

    VmHWM, "peak resident set size" (proc_pid_status(5)). Not ru_maxrss: a child inherits that of its parent at exec.
    """
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


@contextlib.contextmanager
def _peak_memory(pid: int, peaks: list[float]) -> Iterator[None]:
    """Read the peak memory of a process as long as it runs. Systems without /proc leave it unknown (0)."""
    ended = threading.Event()

    def read() -> None:
        while not ended.wait(_POLL):
            with contextlib.suppress(OSError):
                peaks.append(high_water_mark(Path(f"/proc/{pid}/status").read_text()))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join()


def _last(log: Path, lines: int = 30) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
