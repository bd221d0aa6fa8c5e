"""Choose the sandbox's Docker engine: the user's own if it is good for the job, else a private one."""

import os
import time
from collections.abc import Callable, Mapping

from sandbox import processes
from sandbox.debian import packages
from sandbox.debian.apt import KEYRINGS
from sandbox.engine import own, private
from sandbox.engine.client import Engine
from sandbox.errors import SandboxError
from sandbox.layout import Layout

Update = Callable[[str], None]


def start(layout: Layout, update: Update, environment: Mapping[str, str] | None = None) -> Engine:
    """An engine that answers; returns at once when there is one.

    Args:
        layout: the checkout's sandbox.
        update: called with one line for each thing that was done, with its seconds.
        environment: the variables that lead to the user's own engine; ours when None.

    Raises:
        SandboxError: there is no engine, and a private one cannot be made on this machine.
    """
    with processes.locked(layout, "engine"):
        if engine := private.running(layout):
            return engine
        if engine := own.connect(layout, os.environ if environment is None else environment):
            update(f"engine   {engine.description}")
            return engine
        if error := refusal(packages.system(), os.geteuid()):
            raise error
        update("engine   no Docker with buildx answers; starting a private one")
        began = time.monotonic()
        engine = private.start(layout)
        update(f"engine   ready in {time.monotonic() - began:.1f} s: {engine.description}")
        return engine


def stop(layout: Layout, update: Update) -> None:
    """End the private engine, if there is one, and leave nothing of it outside the checkout's folder."""
    with processes.locked(layout, "engine"):
        if private.status(layout) == "down":
            return
        private.stop(layout)
        update("engine   stopped")


def status(layout: Layout, environment: Mapping[str, str] | None = None) -> tuple[str, str]:
    """(``up``, ``down`` or ``broken``; detail) of the engine that `start` would return."""
    state = private.status(layout)
    if state == "up":
        return state, "private"
    if engine := own.connect(layout, os.environ if environment is None else environment):
        return "up", engine.description
    return state, "private; it does not answer" if state == "broken" else ""


def refusal(system: str, user: int) -> SandboxError | None:
    """The reason why that user (id) cannot make a private engine on that system; None when it is possible."""
    what = "no Docker engine with buildx answers on this machine"
    install = "install Docker with buildx and start it (https://docs.docker.com/engine/install/)"
    if system not in KEYRINGS:
        return SandboxError(what, f"a private engine needs Debian or Ubuntu; this is {system}", install)
    if user:
        return SandboxError(what, f"a private engine needs root; you are user {user}", f"run as root, or {install}")
    return None
