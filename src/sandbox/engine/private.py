"""A Docker engine of the sandbox's own, from the distribution's packages, which are not installed.

It runs in its own mount and PID namespace: when a part of it dies, for any reason, the kernel ends its containers,
shims and mounts too. The bridge, the sockets and the cgroups are outside the namespace. They are named after the
checkout, so that `stop`, or the next `start`, finds and removes them.
"""

import os
import shutil

from sandbox import processes
from sandbox.engine import dockerd, network
from sandbox.engine.client import Engine, variables
from sandbox.errors import SandboxError
from sandbox.layout import Layout

NAME = "engine"
READY_SECONDS = 60.0
GRACE_SECONDS = 15.0
_CGROUP_SECONDS = 5.0


def running(layout: Layout) -> Engine | None:
    """The private engine, if it answers."""
    if not processes.find(dockerd.marker(layout)):
        return None
    gateway = network.address(layout.bridge)
    engine = _engine(layout, gateway)
    return engine if gateway and _answers(engine) else None


def start(layout: Layout) -> Engine:
    """Make the private engine answer, from any state that the last one was left in.

    Raises:
        SandboxError: packages cannot be fetched, or dockerd ends or is late; with its last lines.
    """
    stop(layout)
    dockerd.install(layout)
    gateway = network.ensure_bridge(layout.bridge, seed=int(layout.id, 16))
    dockerd.configure(layout)
    daemon = processes.spawn(layout, NAME, dockerd.command(layout), dockerd.environment(layout))
    engine = _engine(layout, gateway)
    processes.wait_until(lambda: not processes.alive(daemon) or _answers(engine), READY_SECONDS)
    if not processes.alive(daemon) or not _answers(engine):
        lines = processes.last_lines(layout, NAME)
        stop(layout)
        raise SandboxError("the private Docker engine does not start", lines, f"read {processes.log(layout, NAME)}")
    # Records of containers that ran when an engine was killed; their processes have ended.
    engine.docker("container", "prune", "--force")
    return engine


def stop(layout: Layout) -> None:
    """End the private engine and remove all it has outside the checkout."""
    # An engine that does not answer would wait in vain for its containers, so it gets no grace.
    grace = GRACE_SECONDS if _emptied(layout) else 0
    if process := processes.find(dockerd.marker(layout)):
        processes.stop(process, grace)
    processes.kill_all(dockerd.marker(layout))
    if layout.run.exists() or network.exists(layout.bridge):
        network.delete_bridge(layout.bridge)
        shutil.rmtree(layout.run, ignore_errors=True)
        processes.wait_until(lambda: dockerd.remove_cgroups(layout), _CGROUP_SECONDS)


def status(layout: Layout) -> str:
    """``up``, ``down``, or ``broken``: it runs, or left something on the machine, but does not answer."""
    if running(layout):
        return "up"
    left = processes.find(dockerd.marker(layout)) or layout.run.exists() or network.exists(layout.bridge)
    return "broken" if left else "down"


def _engine(layout: Layout, gateway: str) -> Engine:
    plugins = dockerd.programs(layout) / "usr/libexec/docker/cli-plugins"
    path = f"{layout.engine / 'bin'}:{os.environ.get('PATH', os.defpath)}"
    # Containers on the bridge have no internet; a build step reaches it through the machine's own network.
    extra = {"PATH": path, "BUILD_NETWORK": "host"}
    return Engine(
        variables=variables(layout, dockerd.socket(layout), [plugins]) | extra,
        description="a private Docker engine, from signed packages",
        private=True,
        gateway=gateway,
    )


def _emptied(layout: Layout) -> bool:
    """Remove all containers; False when no engine answers or it cannot remove them."""
    engine = running(layout)
    try:
        if engine and (containers := engine.docker("container", "ls", "--all", "--quiet").split()):
            engine.docker("container", "rm", "--force", "--volumes", *containers)
    except SandboxError:
        return False
    return engine is not None


def _answers(engine: Engine) -> bool:
    """Whether images can be listed: Docker answers a mere ping even while containerd is dead."""
    try:
        engine.docker("image", "ls", "--quiet", "--filter", "dangling=true", timeout=5)
    except SandboxError:
        return False
    return True
