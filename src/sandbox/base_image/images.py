"""The images that our Dockerfiles start from: pulled when a registry answers, else made here under that name.

No image made here has a digest that a Dockerfile names. It is made under the name before the digest, and stands in for
the pinned image: the build gets it as a named context.
"""

import contextlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from sandbox import processes
from sandbox.base_image import dockerfile, python, targets
from sandbox.engine.client import Engine
from sandbox.errors import BaseImageError, SandboxError
from sandbox.layout import Layout

REGISTRY_SECONDS = 6.0
"""How long a registry may take to say whether it has the image."""

_PULL_SECONDS = 900
_MADE_HERE = re.compile(r"(.*/)?python:3\.13(\.\d+)?-slim(-trixie)?")

Update = Callable[[str], None]


def ensure_all(layout: Layout, engine: Engine, update: Update) -> dict[str, str]:
    """Load every image that the Dockerfile of a bake target starts from into the engine.

    An image that can be neither pulled nor made is named, and only the build that needs it fails.

    Returns:
        For each pinned image that another one stands in for: the name of that other image.
    """
    stand_ins = {}
    for place, text in targets.dockerfiles(layout, engine).items():
        for reference in dockerfile.references(text):
            try:
                ready = ensure(layout, engine, reference, update)
            except SandboxError as error:
                update(f"base     {place}: {error}\nThe build of {place} will fail.")
                continue
            if ready != reference:
                update(f"base     {ready}, made here, stands in for {reference}")
                stand_ins[reference] = ready
    return stand_ins


def ensure(layout: Layout, engine: Engine, reference: str, update: Update) -> str:
    """Load the image into the engine, if it is not there: pull it, or make it from Debian packages.

    Returns:
        The image to build on: `reference`, or without its digest the name of the image made here.

    Raises:
        SandboxError: it can be neither pulled nor made.
    """
    if "$" in reference:
        raise BaseImageError(f"base image {reference} is not known before the build", hint="give its ARG a default")
    name = reference.partition("@")[0]
    made = _made_here(engine, name)
    if python.comment() in made:
        return name
    # An image that an older version of this code made is made again.
    if _present(engine, reference) and (name != reference or not made):
        return reference
    began = time.monotonic()
    try:
        _from_registry(engine, "manifest", "inspect", reference, timeout=REGISTRY_SECONDS)
        update(f"base     pulling {reference}")
        _from_registry(engine, "pull", "--quiet", reference, timeout=_PULL_SECONDS)
        ready = reference
    except SandboxError as error:
        if not _MADE_HERE.fullmatch(name):
            raise BaseImageError(
                f"base image {reference} cannot be pulled, and the sandbox can make only {python.REFERENCE}",
                f"{error.what}\n{error.why}",
                f"use {python.REFERENCE}, or log in to the registry, or `docker load` the image",
            ) from error
        update(f"base     no registry answers; making {name} from Debian packages")
        if not engine.private:
            _lend(layout, engine, name)
        engine.docker("load", "--input", str(python.archive(layout, name)), timeout=_PULL_SECONDS)
        ready = name
    update(f"base     {ready} ready in {time.monotonic() - began:.1f} s")
    return ready


def withdraw(layout: Layout) -> None:
    """Remove the images made here from the user's own engine, so that no other project builds on them."""
    lent = _lent(layout)
    for line in lent.read_text().splitlines() if lent.exists() else ():
        host, reference = line.split()
        with contextlib.suppress(SandboxError):  # the image may be removed already, or the engine may be down
            processes.run(["docker", "image", "rm", reference], {**os.environ, "DOCKER_HOST": host})
    lent.unlink(missing_ok=True)


def _lend(layout: Layout, engine: Engine, reference: str) -> None:
    with _lent(layout).open("a") as lent:
        lent.write(f"{engine.variables['DOCKER_HOST']} {reference}\n")


def _lent(layout: Layout) -> Path:
    """The list of the images that were loaded into the user's own engine."""
    return layout.state / "lent-images"


def _from_registry(engine: Engine, *arguments: str, timeout: float) -> None:
    """Run a docker command with the user's own logins, which our client configuration does not have."""
    chosen = {name: value for name, value in engine.variables.items() if name != "DOCKER_CONFIG"}
    processes.run(["docker", *arguments], {**os.environ, **chosen}, timeout)


def _made_here(engine: Engine, name: str) -> str:
    """The comment of the engine's image of that name if it was made here; "" of a pulled one, which is no stand-in."""
    try:
        comments = engine.docker("image", "history", "--no-trunc", "--format", "{{.CreatedBy}}", name).splitlines()
    except SandboxError:
        return ""
    return next((comment for comment in comments if comment.startswith(python.MADE)), "")


def _present(engine: Engine, reference: str) -> bool:
    try:
        engine.docker("image", "inspect", "--format", "{{.Id}}", reference)
    except SandboxError:
        return False
    return True
