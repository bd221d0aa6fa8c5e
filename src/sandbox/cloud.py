"""The local cloud: an AWS emulator that only this machine and its containers reach.

It forgets everything when it stops; only its port is remembered, so that addresses stay the same.
"""

import contextlib
import http.client
import importlib.metadata
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import DockerException

from sandbox import processes
from sandbox.engine_client import Engine
from sandbox.errors import SandboxError
from sandbox.layout import Layout

NAME = "cloud"
ACCOUNT = "000000000000"
REGION = "us-east-1"
PORT = 4566
"""What emulators of AWS are usually found at; another one if it is taken."""

READY_SECONDS = 60.0
GRACE_SECONDS = 15.0

_FUNCTION_FLAGS = "--read-only --tmpfs /tmp"
"""What Lambda gives a function: nothing to write to but /tmp."""


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


@dataclass(frozen=True)
class _Choice:
    """What an emulator was started with; another engine or version needs another emulator."""

    port: int
    docker_host: str
    gateway: str
    version: str


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
        found = _remembered(layout)
        if found and found == _choice(engine, found.port) and processes.find(layout, NAME) and _healthy(found.port):
            return _cloud(found)
        _stop(layout)
        began = time.monotonic()
        hosts = [host for host in ("127.0.0.1", engine.gateway) if host]
        for port in _free_ports(hosts, found.port if found else PORT):
            choice = _choice(engine, port)
            if _started(layout, engine, choice, hosts):
                break
        say(f"cloud    ready in {time.monotonic() - began:.1f} s: {_cloud(choice).description}")
        return _cloud(choice)


def stop(layout: Layout) -> None:
    """End the emulator and the functions it left running."""
    with processes.locked(layout, NAME):
        _stop(layout)


def status(layout: Layout) -> tuple[str, str]:
    """(``up``, ``down`` or ``broken``; detail)."""
    choice = _remembered(layout)
    if choice is None or not processes.find(layout, NAME):
        return "down", ""
    return ("up", _cloud(choice).description) if _healthy(choice.port) else ("broken", "it does not answer")


def _started(layout: Layout, engine: Engine, choice: _Choice, hosts: list[str]) -> bool:
    """Whether the emulator came up at that port; False when somebody else took the port meanwhile."""
    _folder(layout).mkdir(parents=True, exist_ok=True)
    _state(layout).write_text(json.dumps(vars(choice)))
    binds = [f"{host}:{choice.port}" for host in hosts]
    argv = [sys.executable, "-m", "sandbox.launcher", str(layout.home), *binds]
    daemon = processes.spawn(layout, NAME, argv, _environment(layout, engine, choice))
    processes.wait_until(lambda: not daemon.alive or _healthy(choice.port), READY_SECONDS)
    if daemon.alive and _healthy(choice.port):
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
    processes.kill_all(["sandbox.launcher", str(layout.home)])
    if (choice := _remembered(layout)) and _folder(layout).exists():
        _remove_functions(layout, choice)
    shutil.rmtree(_folder(layout), ignore_errors=True)


def _remove_functions(layout: Layout, choice: _Choice) -> None:
    """Containers that an emulator that was killed could not take along; none if the engine is gone too."""
    with contextlib.suppress(DockerException, OSError):
        client = docker.DockerClient(base_url=choice.docker_host or None, timeout=10)
        mine = {"label": f"ministack.instance={_instance(layout)}:{choice.port}"}
        for container in client.containers.list(all=True, sparse=True, filters=mine):
            with contextlib.suppress(DockerException):
                container.remove(force=True, v=True)


def _environment(layout: Layout, engine: Engine, choice: _Choice) -> dict[str, str]:
    """The emulator's settings. Nothing else of ours: AWS settings of the user's shell are not for it."""
    folder = _folder(layout)
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "PATH") if name in os.environ}
    return {
        **kept,
        **engine.variables,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(folder),
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "GATEWAY_PORT": str(choice.port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "MINISTACK_HOSTNAME": _instance(layout),
        "LAMBDA_EXECUTOR": "docker",
        "LAMBDA_DOCKER_FLAGS": _FUNCTION_FLAGS,
        # Listeners of services nobody here uses; they would be open to the network.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _free_ports(hosts: list[str], preferred: int) -> Iterator[int]:
    """The preferred port if it is free, then others; endless, as each may be taken before it is used."""
    if all(_free(host, preferred) for host in hosts):
        yield preferred
    while True:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = int(server.getsockname()[1])
        if all(_free(host, port) for host in hosts):
            yield port


def _free(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_server((host, port)):
        return True
    return False


def _remembered(layout: Layout) -> _Choice | None:
    try:
        return _Choice(**json.loads(_state(layout).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _choice(engine: Engine, port: int) -> _Choice:
    version = importlib.metadata.version("ministack")
    return _Choice(port, engine.variables.get("DOCKER_HOST", ""), engine.gateway, version)


def _cloud(choice: _Choice) -> Cloud:
    registry = f"127.0.0.1:{choice.port}"
    return Cloud(f"http://{registry}", registry, f"MiniStack {choice.version} at http://{registry}")


def _instance(layout: Layout) -> str:
    return f"sbx-{layout.id}"


def _folder(layout: Layout) -> Path:
    return layout.home / NAME


def _state(layout: Layout) -> Path:
    return layout.state / f"{NAME}.json"
