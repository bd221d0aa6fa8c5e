"""How daemons are recognised: by their arguments."""

from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from sandbox import processes

MARKER = ["--config-file", "/checkout/daemon.json"]


@dataclass(frozen=True)
class Listed:
    """A process as psutil lists it."""

    pid: int
    info: dict[str, Any]


@pytest.fixture
def machine(monkeypatch):
    """A machine on which an init and a dockerd run below unshare, and a zombie, which has no arguments."""
    listed = [
        Listed(13, {"ppid": 12, "cmdline": ["dockerd", *MARKER]}),
        Listed(12, {"ppid": 11, "cmdline": ["tini", "--", "dockerd", *MARKER]}),
        Listed(11, {"ppid": 1, "cmdline": ["unshare", "--", "tini", "--", "dockerd", *MARKER]}),
        Listed(14, {"ppid": 1, "cmdline": ["dockerd", "--config-file", "/another/daemon.json"]}),
        Listed(15, {"ppid": 1, "cmdline": ["sh", "-c", " ".join(("dockerd", *MARKER))]}),
        Listed(16, {"ppid": 1, "cmdline": []}),
        Listed(17, {"ppid": 1, "cmdline": None}),
    ]
    monkeypatch.setattr(psutil, "process_iter", lambda _: listed)


@pytest.mark.usefixtures("machine")
def test_of_several_processes_with_the_arguments_the_common_parent_is_the_daemon():
    assert processes.find(MARKER).pid == 11


@pytest.mark.usefixtures("machine")
def test_arguments_that_no_process_has_give_none():
    assert processes.find(["--config-file", "/nowhere/daemon.json"]) is None


def test_a_running_process_is_alive():
    assert processes.alive(psutil.Process())
