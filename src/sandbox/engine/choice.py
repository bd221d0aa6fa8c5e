"""The Docker engine of the sandbox: the user's own if it is good for the job, else a private one."""

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

__all__ = ["Engine", "start", "status", "stop"]

Say = Callable[[str], None]


def start(layout: Layout, say: Say, environment: Mapping[str, str] | None = None) -> Engine:
    """An engine that answers; at once when it already does.

    Args:
        layout: the checkout's sandbox.
        say: told in one line what is done and how long it took.
        environment: where the user's own engine is looked for; ours when None.

    Raises:
        SandboxError: there is no engine, and a private one cannot be made here.
    """
    with processes.locked(layout, "engine"):
        if engine := private.running(layout):
            return engine
        if engine := own.connect(layout, os.environ if environment is None else environment):
            say(f"engine   {engine.description}")
            return engine
        if error := refusal(packages.system(), os.geteuid()):
            raise error
        say("engine   no Docker with buildx answers; starting a private one")
        began = time.monotonic()
        engine = private.start(layout)
        say(f"engine   ready in {time.monotonic() - began:.1f} s: {engine.description}")
        return engine


def stop(layout: Layout, say: Say) -> None:
    """End the private engine, if there is one, and leave nothing of it outside the checkout's folder."""
    with processes.locked(layout, "engine"):
        if private.status(layout) == "down":
            return
        private.stop(layout)
        say("engine   stopped")


def status(layout: Layout, environment: Mapping[str, str] | None = None) -> tuple[str, str]:
    """(``up``, ``down`` or ``broken``; detail) of the engine `start` would return."""
    state = private.status(layout)
    if state == "up":
        return state, "private"
    if theirs := own.connect(layout, os.environ if environment is None else environment):
        return "up", theirs.description
    return state, "private; it does not answer" if state == "broken" else ""


def refusal(system: str, user: int) -> SandboxError | None:
    """Why no private engine can be made by that user (id) of that system; None when one can."""
    missing = "no Docker engine with buildx answers on this machine, and a private one"
    install = "install Docker with buildx and start it (https://docs.docker.com/engine/install/)"
    if system not in KEYRINGS:
        return SandboxError(f"{missing} can be made on Debian and Ubuntu only; this is {system}", install)
    if user:
        return SandboxError(f"{missing} can be made by root only; you are user {user}", f"run as root, or {install}")
    return None
