"""The images our Dockerfiles start from: pulled where a registry answers, else made here under that name."""

import contextlib
import os
import re
import shutil
import string
import time
from collections.abc import Callable
from pathlib import Path

from sandbox import processes
from sandbox.base_image import oci, python
from sandbox.debian import packages
from sandbox.engine.client import Engine
from sandbox.errors import BaseImageError, SandboxError
from sandbox.layout import Layout

MAKEABLE = "python:3.13-slim"
REGISTRY_SECONDS = 6.0
"""How long a registry may take to say whether it has the image."""

_PULL_SECONDS = 900
_MADE_HERE = re.compile(r"(.*/)?python:3\.13(\.\d+)?-slim(-trixie)?")
_FROM = re.compile(r"FROM\s+(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<stage>\S+))?\s*", re.IGNORECASE)
_ARG = re.compile(r"ARG\s+(?P<name>\w+)=[\"']?(?P<value>[^\"'\s]*)[\"']?\s*", re.IGNORECASE)

Say = Callable[[str], None]


def references(dockerfile: str) -> tuple[str, ...]:
    """The images a Dockerfile's FROM lines name, in order and once each; not its stages, not ``scratch``.

    ARG lines give their defaults (Dockerfile reference, "Understand how ARG and FROM interact"); a reference
    that still holds a ``$`` has none.
    """
    defaults: dict[str, str] = {}
    stages = {"scratch"}
    found: dict[str, None] = {}
    for line in dockerfile.replace("\\\n", " ").splitlines():
        if argument := _ARG.fullmatch(line.strip()):
            defaults.setdefault(argument["name"], argument["value"])
        elif match := _FROM.fullmatch(line.strip()):
            image = string.Template(match["image"]).safe_substitute(defaults)
            if image.lower() not in stages:
                found[image] = None
            if match["stage"]:
                stages.add(match["stage"].lower())
    return tuple(found)


def ensure_all(layout: Layout, engine: Engine, say: Say) -> None:
    """Have every image that a function's Dockerfile starts from.

    Raises:
        BaseImageError: one can be neither pulled nor made; names it and its Dockerfile.
    """
    for dockerfile in sorted((layout.root / "src/lambdas").glob("*/Dockerfile")):
        for reference in references(dockerfile.read_text()):
            try:
                ensure(layout, engine, reference, say)
            except SandboxError as error:
                place = dockerfile.relative_to(layout.root)
                raise type(error)(f"{place}: {error.message}", error.hint) from error


def ensure(layout: Layout, engine: Engine, reference: str, say: Say) -> None:
    """Have the image in the engine: as it is, or pulled, or made from Debian packages.

    Raises:
        SandboxError: none of the three is possible.
    """
    if "$" in reference:
        raise BaseImageError(f"base image {reference} is not known before the build", "give its ARG a default")
    if _present(engine, reference):
        return
    began = time.monotonic()
    try:
        _from_registry(engine, "manifest", "inspect", reference, timeout=REGISTRY_SECONDS)
        say(f"base     pulling {reference}")
        _from_registry(engine, "pull", "--quiet", reference, timeout=_PULL_SECONDS)
    except SandboxError as error:
        if not _MADE_HERE.fullmatch(reference):
            raise BaseImageError(
                f"base image {reference} cannot be pulled and is not one the sandbox can make ({MAKEABLE})\n"
                f"{error.message}",
                f"use {MAKEABLE}, or log in to the registry, or `docker load` the image",
            ) from error
        say(f"base     no registry answers; making {reference} from Debian packages")
        if not engine.private:
            _lend(layout, engine, reference)
        engine.docker("load", "--input", str(make(layout, reference)), timeout=_PULL_SECONDS)
    say(f"base     {reference} ready in {time.monotonic() - began:.1f} s")


def withdraw(layout: Layout) -> None:
    """Take what was made here out of the user's own engine: other projects must not build on it unawares."""
    lent = _lent(layout)
    for line in lent.read_text().splitlines() if lent.exists() else ():
        host, reference = line.split()
        with contextlib.suppress(SandboxError):  # it may be gone, or the engine may be
            processes.run(["docker", "image", "rm", reference], {**os.environ, "DOCKER_HOST": host})
    lent.unlink(missing_ok=True)


def _lend(layout: Layout, engine: Engine, reference: str) -> None:
    with _lent(layout).open("a") as lent:
        lent.write(f"{engine.variables['DOCKER_HOST']} {reference}\n")


def _lent(layout: Layout) -> Path:
    return layout.state / "lent-images"


def make(layout: Layout, reference: str) -> Path:
    """An archive for ``docker load`` with our image under that name; from the cache when it is there."""
    debs = packages.fetch(layout, python.PACKAGES)
    # The set of packages decides every byte of the image, so its folder names it.
    name = f"{debs[0].parent.name}-{re.sub(r'[^a-z0-9.]+', '-', reference.lower())}.tar"
    archive = layout.cache / "base" / name
    with processes.locked(layout, "base"):
        if not archive.exists():
            work = layout.cache / "base" / "work"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            python.make(debs, work / "root")
            layer = oci.write_layer(work / "root", work / "layer.tar.gz")
            fresh = work / name
            oci.write_archive(layer, _configuration(), reference, fresh)
            fresh.rename(archive)
            shutil.rmtree(work)
    return archive


def _configuration() -> oci.Configuration:
    return oci.Configuration(
        architecture=packages.machine().architecture,
        environment={
            "PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
        },
        command=("python3",),
        comment=f"{MAKEABLE} made from Debian packages by the sandbox",
    )


def _from_registry(engine: Engine, *arguments: str, timeout: float) -> None:
    """Run a docker command with the user's own logins, which our private client configuration does not have."""
    chosen = {name: value for name, value in engine.variables.items() if name != "DOCKER_CONFIG"}
    processes.run(["docker", *arguments], {**os.environ, **chosen}, timeout)


def _present(engine: Engine, reference: str) -> bool:
    try:
        engine.docker("image", "inspect", "--format", "{{.Id}}", reference)
    except SandboxError:
        return False
    return True
