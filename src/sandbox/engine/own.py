"""The Docker engine that the user already has."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from packaging.version import Version

from sandbox import processes
from sandbox.engine import network
from sandbox.engine.client import Engine, variables
from sandbox.errors import SandboxError
from sandbox.layout import Layout

OLDEST_DOCKER = Version("24.0")
OLDEST_BUILDX = Version("0.13")
ANSWER_SECONDS = 5.0
"""How long a working engine may take to answer."""


def connect(layout: Layout, environment: Mapping[str, str]) -> Engine | None:
    """The engine that the user's DOCKER_HOST or context names, if it can do what the private engine can.

    It answers, and it is on this machine: an engine elsewhere could not reach the emulator's registry. It has
    buildx, both are new enough, and its image store is containerd's: the older store exports no build cache
    (https://docs.docker.com/build/cache/backends/, "docker driver").
    """
    if not shutil.which("docker", path=environment.get("PATH")):
        return None

    def docker(*arguments: str) -> str:
        return processes.run(["docker", *arguments], environment, ANSWER_SECONDS).strip()

    try:
        # Docker answers a mere ping even while containerd is dead; it cannot list images without containerd.
        docker("image", "ls", "--quiet", "--filter", "dangling=true")
        buildx = docker("buildx", "version").split()[1].lstrip("v")
        version, _, store = docker("info", "--format", "{{.ServerVersion}} {{.DriverStatus}}").partition(" ")
        host = environment.get("DOCKER_HOST") or docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
        gateway = docker("network", "inspect", "bridge", "--format", "{{range .IPAM.Config}}{{.Gateway}} {{end}}")
        too_old = release(version) < OLDEST_DOCKER or release(buildx) < OLDEST_BUILDX
    except (SandboxError, IndexError, ValueError):
        return None
    if not host.startswith("unix://") or too_old or "io.containerd.snapshotter" not in store:
        return None
    return Engine(
        variables=variables(layout, host, _plugin_folders(environment)) | {"BUILD_NETWORK": "default"},
        description=f"your Docker {version}, buildx {buildx}, at {host}",
        private=False,
        gateway=next((address for address in gateway.split() if network.bindable(address)), ""),
    )


def release(text: str) -> Version:
    """The release number that `text` begins with, such as 0.14.0 of ``0.14.0-desktop.1``.

    Distributions and Docker Desktop append suffixes of their own. Raises ValueError when there is no number.
    """
    return Version(re.split(r"[^\d.]", text, maxsplit=1)[0])


def _plugin_folders(environment: Mapping[str, str]) -> list[Path]:
    """Where the user's buildx may be, besides the system's folders (config.json, cliPluginsExtraDirs)."""
    folder = Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        extra = json.loads((folder / "config.json").read_text()).get("cliPluginsExtraDirs", [])
    except (OSError, ValueError, AttributeError):
        extra = []
    return [folder / "cli-plugins", *map(Path, extra)]
