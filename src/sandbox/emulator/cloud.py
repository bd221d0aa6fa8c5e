"""Start, stop and state of the emulator, which only this machine and its containers reach.

It forgets everything when it stops. Only its port is remembered, so that addresses stay the same.
"""

import contextlib
import http.client
import importlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass

from sandbox import processes
from sandbox.emulator import configuration
from sandbox.emulator.configuration import Settings
from sandbox.engine.client import Engine
from sandbox.errors import SandboxError
from sandbox.layout import Layout

NAME = "cloud"
READY_SECONDS = 60.0
GRACE_SECONDS = 5.0
"""The emulator ends within 3 s: one for streams, two for functions. Containers that are left are removed here."""


@dataclass(frozen=True)
class Cloud:
    """An emulator that answers.

    Attributes:
        endpoint: of every AWS service, http://127.0.0.1:port.
        registry: the registry's part of image names, 127.0.0.1:port.
        description: for people, one line.
    """

    endpoint: str
    registry: str
    description: str


def start(layout: Layout, engine: Engine, update: Callable[[str], None]) -> Cloud:
    """An emulator that answers and runs functions on `engine`; returns at once when there is one.

    Args:
        layout: the checkout's sandbox.
        engine: runs the functions, which reach the emulator at its gateway.
        update: called with one line when the emulator has started, with its seconds.

    Raises:
        SandboxError: the emulator ends by itself or is not ready in time; with its last lines.
    """
    with processes.locked(layout, NAME):
        last = configuration.remembered(layout)
        if last and last == Settings.of(engine, last.port) and _answers(layout, last):
            return _cloud(last)
        _stop(layout)
        began = time.monotonic()
        for port in configuration.free_ports(engine.gateway, last.port if last else configuration.PORT):
            settings = Settings.of(engine, port)
            if _started(layout, engine, settings):
                break
        update(f"cloud    ready in {time.monotonic() - began:.1f} s: {_cloud(settings).description}")
        return _cloud(settings)


def stop(layout: Layout) -> None:
    """End the emulator and the functions that it left running."""
    with processes.locked(layout, NAME):
        _stop(layout)


def status(layout: Layout) -> tuple[str, str]:
    """(``up``, ``down`` or ``broken``; detail)."""
    settings = configuration.remembered(layout)
    if settings is None or not processes.find(configuration.marker(layout)):
        return "down", ""
    return ("up", _cloud(settings).description) if _healthy(layout, settings) else ("broken", "it does not answer")


def _started(layout: Layout, engine: Engine, settings: Settings) -> bool:
    """Whether the emulator started at that port; False when another program took the port first."""
    configuration.folder(layout).mkdir(parents=True, exist_ok=True)
    configuration.remember(layout, settings)
    argv, environment = configuration.command(layout, settings), configuration.environment(layout, engine, settings)
    daemon = processes.spawn(layout, NAME, argv, environment)
    processes.wait_until(lambda: not processes.alive(daemon) or _healthy(layout, settings), READY_SECONDS)
    if _answers(layout, settings):
        return True
    lines = processes.last_lines(layout, NAME)
    _stop(layout)
    if "address already in use" in lines.lower():
        return False
    raise SandboxError("the AWS emulator does not start", lines, f"read {processes.log(layout, NAME)}")


def _stop(layout: Layout) -> None:
    if process := processes.find(configuration.marker(layout)):
        processes.stop(process, GRACE_SECONDS)
    if (settings := configuration.remembered(layout)) and configuration.folder(layout).exists():
        _remove_functions(layout, settings)
    shutil.rmtree(configuration.folder(layout), ignore_errors=True)


def _remove_functions(layout: Layout, settings: Settings) -> None:
    """Remove the containers of an emulator that was killed; when the engine has ended too, there are none.

    By the SDK, which works without the docker program: the private engine's is not on the PATH.
    """
    docker = importlib.import_module("docker")  # by name: each deploy would wait for it, and only a stop needs it
    with contextlib.suppress(docker.errors.DockerException, OSError):
        client = docker.DockerClient(base_url=settings.docker_host or None, timeout=10)
        ours = {"label": configuration.label(layout, settings)}
        for container in client.containers.list(all=True, sparse=True, filters=ours):
            with contextlib.suppress(docker.errors.DockerException):
                container.remove(force=True, v=True)


def _answers(layout: Layout, settings: Settings) -> bool:
    return processes.find(configuration.marker(layout)) is not None and _healthy(layout, settings)


def _healthy(layout: Layout, settings: Settings) -> bool:
    """Whether an emulator answers at the port and belongs to this checkout: another one may have taken the port."""
    connection = http.client.HTTPConnection("127.0.0.1", settings.port, timeout=2)
    try:
        connection.request("GET", configuration.HEALTH)
        answer = connection.getresponse()
        return answer.status == 200 and answer.getheader(configuration.OWNER) == configuration.owner(str(layout.home))
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _cloud(settings: Settings) -> Cloud:
    description = f"MiniStack {settings.version} at http://{settings.registry}"
    return Cloud(f"http://{settings.registry}", settings.registry, description)
