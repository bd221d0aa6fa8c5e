"""The Docker engine the user already has."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from sandbox import processes
from sandbox.engine import network
from sandbox.engine.client import Engine, variables
from sandbox.errors import SandboxError
from sandbox.layout import Layout

OLDEST_DOCKER = (24, 0)
OLDEST_BUILDX = (0, 13)
ANSWER_SECONDS = 5.0
"""How long a working engine may take to answer."""


def connect(layout: Layout, environment: Mapping[str, str]) -> Engine | None:
    """The engine the user's DOCKER_HOST or context names, if it can do what the private one can.

    It answers, is on this machine (one elsewhere could not reach the local cloud's registry), has buildx, neither is
    too old, and its image store is containerd's: the older one exports no build cache
    (https://docs.docker.com/build/cache/backends/, "docker driver").
    """
    if not shutil.which("docker", path=environment.get("PATH")):
        return None

    def docker(*arguments: str) -> str:
        return processes.run(["docker", *arguments], environment, ANSWER_SECONDS).strip()

    try:
        # Listing images asks containerd too; a mere ping is answered while containerd is dead.
        docker("image", "ls", "--quiet", "--filter", "dangling=true")
        buildx = docker("buildx", "version").split()[1].lstrip("v")
        store = docker("info", "--format", "{{.DriverStatus}}")
        version = docker("version", "--format", "{{.Server.Version}}")
        host = environment.get("DOCKER_HOST") or docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
        gateway = docker("network", "inspect", "bridge", "--format", "{{range .IPAM.Config}}{{.Gateway}} {{end}}")
    except (SandboxError, IndexError):
        return None
    too_old = _version(version) < OLDEST_DOCKER or _version(buildx) < OLDEST_BUILDX
    if not host.startswith("unix://") or too_old or "io.containerd.snapshotter" not in store:
        return None
    return Engine(
        variables=variables(layout, host, _plugin_folders(environment)) | {"BUILD_NETWORK": "default"},
        description=f"your Docker {version}, buildx {buildx}, at {host}",
        private=False,
        gateway=next((address for address in gateway.split() if network.bindable(address)), ""),
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def _plugin_folders(environment: Mapping[str, str]) -> list[Path]:
    """Where the user's buildx may be, besides the system's folders (config.json, cliPluginsExtraDirs)."""
    folder = Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        extra = json.loads((folder / "config.json").read_text()).get("cliPluginsExtraDirs", [])
    except (OSError, ValueError, AttributeError):
        extra = []
    return [folder / "cli-plugins", *map(Path, extra)]
