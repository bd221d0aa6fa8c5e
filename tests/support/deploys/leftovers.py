"""What a sandbox has on the machine outside its folder, and how to kill a part of it."""

import os
import signal
from pathlib import Path

from sandbox import processes
from sandbox.engine import network
from sandbox.layout import Layout

SHIMS = Path("/run/containerd")
_MACHINE_HAS_SHIMS = SHIMS.exists()
"""A machine with a containerd of its own has that folder before any sandbox."""


def left_behind(layout: Layout) -> list[str]:
    """Links, files, cgroups, mounts and processes of this sandbox, each as a line."""
    words = (str(layout.home), layout.bridge)
    match = [f"link {layout.bridge}"] if network.exists(layout.bridge) else []
    files = [layout.run] if _MACHINE_HAS_SHIMS else [layout.run, SHIMS]
    match += [f"file {path}" for path in files if path.exists()]
    match += [f"cgroup {path}" for path in Path("/sys/fs/cgroup").rglob(layout.bridge)]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    match += [f"mount {line}" for line in mounts if any(word in line for word in words)]
    return match + [f"process {pid} {line}" for pid, line in processes_of(layout).items()]


def processes_of(layout: Layout) -> dict[int, str]:
    """The command lines of this sandbox's processes, by process id."""
    result = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_text().replace("\0", " ").strip()
        except OSError:
            continue
        if str(layout.home) in line or layout.bridge in line:
            result[int(entry.name)] = line
    return result


def kill(layout: Layout, victim: str) -> None:
    """kill -9 of the one process of this sandbox that runs `victim`, a program and its first argument."""
    program = victim.split()[0]
    result = {pid: line for pid, line in processes_of(layout).items() if victim in line}
    pids = [pid for pid, line in result.items() if Path(line.split()[0]).name == program]
    assert len(pids) == 1, result
    os.kill(pids[0], signal.SIGKILL)
    assert processes.wait_until(lambda: pids[0] not in processes_of(layout), 5)
