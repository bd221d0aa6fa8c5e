"""The local cloud: an AWS emulator that only this machine and its containers reach.

It forgets everything when it stops; only its port is remembered, so that addresses stay the same.
"""

import contextlib
import http.client
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import docker
from docker.errors import DockerException

from sandbox import processes
from sandbox.emulator import configuration
from sandbox.emulator.configuration import ACCOUNT, PORT, REGION, Settings
from sandbox.engine.client import Engine
from sandbox.errors import SandboxError
from sandbox.layout import Layout

__all__ = ["ACCOUNT", "NAME", "REGION", "Cloud", "start", "status", "stop"]

NAME = "cloud"
READY_SECONDS = 60.0
GRACE_SECONDS = 5.0
"""Its own end takes 3 s at most: streams get one, functions two. What it left of them is removed after it."""


@dataclass(frozen=True)
class Cloud:
    """An emulator that answers.

    Attributes:
        endpoint: of every AWS service, http://127.0.0.1:port.
        registry: what image names begin with, 127.0.0.1:port.
        description: for people, one line.
    """

    endpoint: str
    registry: str
    description: str


def start(layout: Layout, engine: Engine, say: Callable[[str], None]) -> Cloud:
    """An emulator that answers and runs functions on `engine`; at once when it already does.

    Args:
        layout: the checkout's sandbox.
        engine: where functions run; its gateway is where they reach the emulator.
        say: told in one line what is done and how long it took.

    Raises:
        SandboxError: it ends by itself or is not ready in time; with its last lines.
    """
    with processes.locked(layout, NAME):
        last = configuration.remembered(layout)
        if last and last == Settings.of(engine, last.port) and _answers(layout, last):
            return _cloud(last)
        _stop(layout)
        began = time.monotonic()
        for port in configuration.free_ports(engine.gateway, last.port if last else PORT):
            settings = Settings.of(engine, port)
            if _started(layout, engine, settings):
                break
        say(f"cloud    ready in {time.monotonic() - began:.1f} s: {_cloud(settings).description}")
        return _cloud(settings)


def stop(layout: Layout) -> None:
    """End the emulator and the functions it left running."""
    with processes.locked(layout, NAME):
        _stop(layout)


def status(layout: Layout) -> tuple[str, str]:
    """(``up``, ``down`` or ``broken``; detail)."""
    settings = configuration.remembered(layout)
    if settings is None or not processes.find(layout, NAME):
        return "down", ""
    return ("up", _cloud(settings).description) if _healthy(layout, settings) else ("broken", "it does not answer")


def _started(layout: Layout, engine: Engine, settings: Settings) -> bool:
    """Whether the emulator came up at that port; False when somebody else took the port meanwhile."""
    configuration.folder(layout).mkdir(parents=True, exist_ok=True)
    configuration.remember(layout, settings)
    argv = [sys.executable, "-m", "sandbox.emulator.launcher", str(layout.home), *settings.binds]
    daemon = processes.spawn(layout, NAME, argv, configuration.environment(layout, engine, settings))
    processes.wait_until(lambda: not daemon.alive or _healthy(layout, settings), READY_SECONDS)
    if _answers(layout, settings):
        return True
    lines = daemon.last_lines()
    _stop(layout)
    if "address already in use" in lines.lower():
        return False
    raise SandboxError(f"the local cloud does not start:\n{lines}", f"look at {daemon.log}")


def _stop(layout: Layout) -> None:
    if process := processes.find(layout, NAME):
        processes.stop(process, GRACE_SECONDS)
    # One that was started but never written down, because we were killed just then.
    processes.kill_all(["sandbox.emulator.launcher", str(layout.home)])
    if (settings := configuration.remembered(layout)) and configuration.folder(layout).exists():
        _remove_functions(layout, settings)
    shutil.rmtree(configuration.folder(layout), ignore_errors=True)


def _remove_functions(layout: Layout, settings: Settings) -> None:
    """Containers that an emulator that was killed could not take along; none if the engine is gone too."""
    with contextlib.suppress(DockerException, OSError):
        client = docker.DockerClient(base_url=settings.docker_host or None, timeout=10)
        mine = {"label": configuration.label(layout, settings)}
        for container in client.containers.list(all=True, sparse=True, filters=mine):
            with contextlib.suppress(DockerException):
                container.remove(force=True, v=True)


def _answers(layout: Layout, settings: Settings) -> bool:
    return processes.find(layout, NAME) is not None and _healthy(layout, settings)


def _healthy(layout: Layout, settings: Settings) -> bool:
    """Whether it answers, and is this checkout's: one that started at the same moment may have taken the port."""
    connection = http.client.HTTPConnection("127.0.0.1", settings.port, timeout=2)
    try:
        connection.request("GET", configuration.HEALTH)
        answer = connection.getresponse()
        return answer.status == 200 and answer.getheader(configuration.WHOSE) == str(layout.home)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _cloud(settings: Settings) -> Cloud:
    description = f"MiniStack {settings.version} at http://{settings.registry}"
    return Cloud(f"http://{settings.registry}", settings.registry, description)
