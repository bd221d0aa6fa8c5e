"""The processes that run on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil


@dataclass(frozen=True)
class Running:
    """A process. `began`: seconds since the epoch. `variables`: its environment; empty if another user owns it."""

    pid: int
    began: float
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold credentials


def named(program: str) -> tuple[Running, ...]:
    """The running processes of a program, in the order of their process numbers; no zombies."""
    processes = []
    for process in psutil.process_iter():
        try:
            if process.name() == program and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                processes.append(Running(process.pid, process.create_time(), _variables(process)))
        except psutil.NoSuchProcess:  # it has ended meanwhile
            continue
    return tuple(sorted(processes, key=lambda process: process.pid))


def _variables(process: psutil.Process) -> Mapping[str, str]:
    try:
        return process.environ()
    except psutil.AccessDenied:
        return {}
