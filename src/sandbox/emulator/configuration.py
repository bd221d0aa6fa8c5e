"""What the emulator is started with: its address, its engine, its environment."""

import contextlib
import importlib.metadata
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.engine.client import Engine
from sandbox.layout import Layout

ACCOUNT = "000000000000"
REGION = "us-east-1"
PORT = 4566
"""Where people look for an emulator of AWS; another one if it is taken."""

HEALTH = "/_ministack/health"
WHOSE = "x-sandbox"
"""The header of HEALTH's answer that says which checkout's emulator it is."""

_FUNCTION_FLAGS = "--read-only --tmpfs /tmp"
"""What Lambda gives a function: nothing to write to but /tmp."""


@dataclass(frozen=True)
class Settings:
    """Two emulators with the same settings are interchangeable; with others, a new one is needed."""

    port: int
    docker_host: str
    gateway: str
    version: str

    @classmethod
    def of(cls, engine: Engine, port: int) -> "Settings":
        """For functions on that engine, and the emulator that is installed."""
        version = importlib.metadata.version("ministack")
        return cls(port, engine.variables.get("DOCKER_HOST", ""), engine.gateway, version)

    @property
    def registry(self) -> str:
        """Host and port, for everyone on this machine."""
        return f"127.0.0.1:{self.port}"

    @property
    def binds(self) -> tuple[str, ...]:
        """Where it listens: loopback and, for functions, the gateway of their network. Never the world."""
        return (self.registry, f"{self.gateway}:{self.port}") if self.gateway else (self.registry,)


def remember(layout: Layout, settings: Settings) -> None:
    """For the next start, which takes the same port, and for the stop."""
    layout.state.mkdir(parents=True, exist_ok=True)
    _file(layout).write_text(json.dumps(asdict(settings)))


def remembered(layout: Layout) -> Settings | None:
    """Those of the last start; None before the first."""
    try:
        return Settings(**json.loads(_file(layout).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def environment(layout: Layout, engine: Engine, settings: Settings) -> dict[str, str]:
    """All the emulator is told. Of the user's shell only these three: its AWS settings are not for it."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "PATH") if name in os.environ}
    return {
        **kept,
        **engine.variables,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(folder(layout)),
        "STATE_DIR": str(folder(layout) / "state"),
        "S3_DATA_DIR": str(folder(layout) / "s3"),
        "GATEWAY_PORT": str(settings.port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "MINISTACK_HOSTNAME": _name(layout),
        "LAMBDA_EXECUTOR": "docker",
        "LAMBDA_DOCKER_FLAGS": _FUNCTION_FLAGS,
        # Listeners of services nobody here uses; they would be open to the network.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


def label(layout: Layout, settings: Settings) -> str:
    """What the emulator puts on every container it makes."""
    return f"ministack.instance={_name(layout)}:{settings.port}"


def folder(layout: Layout) -> Path:
    """All it writes; gone when it stops."""
    return layout.home / "cloud"


def free_ports(gateway: str, preferred: int) -> Iterator[int]:
    """The preferred port if it is free, then others; endless, as each may be taken before it is used."""
    hosts = [host for host in ("127.0.0.1", gateway) if host]
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


def _name(layout: Layout) -> str:
    return f"sbx-{layout.id}"


def _file(layout: Layout) -> Path:
    return layout.state / "cloud.json"
