"""The emulator's configuration: its account, address, engine, command line and environment."""

import contextlib
import importlib.metadata
import json
import os
import socket
import sys
import urllib.parse
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.engine.client import Engine
from sandbox.layout import Layout

ACCOUNT = "000000000000"
REGION = "us-east-1"
PORT = 4566
"""The usual port of AWS emulators; when it is taken, the emulator gets another."""

HEALTH = "/_ministack/health"
OWNER = "x-sandbox"
"""The header of HEALTH's answer that names the emulator's checkout, as `owner` writes it."""

GATEWAY = "SANDBOX_GATEWAY"
"""The emulator's variable with this machine's address on the containers' network; "" when nothing can listen there."""


def owner(home: str) -> str:
    """A folder in ASCII, the only characters that every HTTP header can have (RFC 9110, 5.5)."""
    return urllib.parse.quote(home)


@dataclass(frozen=True)
class Settings:
    """An emulator's settings. One that runs with the same settings can be used as it is."""

    port: int
    docker_host: str
    gateway: str
    version: str

    @classmethod
    def of(cls, engine: Engine, port: int) -> "Settings":
        """The settings for functions on that engine, with the installed version of the emulator."""
        version = importlib.metadata.version("ministack")
        return cls(port, engine.variables.get("DOCKER_HOST", ""), engine.gateway, version)

    @property
    def registry(self) -> str:
        """Host and port, for every program on this machine."""
        return f"127.0.0.1:{self.port}"

    @property
    def binds(self) -> tuple[str, ...]:
        """The addresses to listen on: loopback, and for functions the gateway of their network. Never all."""
        return (self.registry, f"{self.gateway}:{self.port}") if self.gateway else (self.registry,)


def remember(layout: Layout, settings: Settings) -> None:
    """Save the settings for the next start, which takes the same port, and for the stop."""
    layout.state.mkdir(parents=True, exist_ok=True)
    _file(layout).write_text(json.dumps(asdict(settings)))


def remembered(layout: Layout) -> Settings | None:
    """The settings of the last start; None before the first."""
    try:
        return Settings(**json.loads(_file(layout).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def marker(layout: Layout) -> list[str]:
    """The arguments that only this checkout's emulator has."""
    return ["sandbox.emulator.launcher", str(layout.home)]


def command(layout: Layout, settings: Settings) -> list[str]:
    """The argv of the emulator's process."""
    return [sys.executable, "-m", *marker(layout), *settings.binds]


def environment(layout: Layout, engine: Engine, settings: Settings) -> dict[str, str]:
    """The emulator's environment. It gets three variables of the user's shell, and none of its AWS settings."""
    inherited = {name: os.environ[name] for name in ("HOME", "LANG", "PATH") if name in os.environ}
    return {
        **inherited,
        **engine.variables,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(folder(layout)),
        "STATE_DIR": str(folder(layout) / "state"),
        "S3_DATA_DIR": str(folder(layout) / "s3"),
        "GATEWAY_PORT": str(settings.port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "MINISTACK_HOSTNAME": _name(layout),
        "LAMBDA_EXECUTOR": "docker",
        # The roles of functions may do what their policies say. A person has the keys of the account itself.
        "AUTH": "true",
        GATEWAY: settings.gateway,
        # Services that are not used here, whose listeners would be open to the network.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


def label(layout: Layout, settings: Settings) -> str:
    """The label of every container that the emulator makes."""
    return f"ministack.instance={_name(layout)}:{settings.port}"


def folder(layout: Layout) -> Path:
    """The folder for all that the emulator writes; removed when it stops."""
    return layout.home / "cloud"


def free_ports(gateway: str, preferred: int) -> Iterator[int]:
    """The preferred port if it is free, then others without end: each may be taken before it is used."""
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
