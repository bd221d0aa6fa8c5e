"""Builds images, checks them, and gets them into the registry: what is there already is not built again.

    build into a file --> gate: what Lambda takes; in a protected environment, a start as Lambda would start it
                            | refused: nothing was pushed
                            +--> push --> the same digest? --> tagged with the commit

A promoted image passes no second start: it ran in Lambda, and was verified there.
"""

import contextlib
from collections.abc import Iterator

from delivery.aws import ecr
from delivery.context import RunContext
from delivery.errors import BuildError
from delivery.image import bake, check, inspect, login, start_check
from delivery.image.bake import Bake
from delivery.image.inspect import InspectedImage
from delivery.process.shell import Shell
from delivery.progress import Update
from delivery.reference import Image, PushedImage

_BUILT = "the image was built; nothing was pushed"


def build(run: RunContext, images: tuple[Image, ...]) -> str:
    """Build into the local engine, without pushing; returns the counts of steps in words."""
    with _docker(run) as shell, run.progress.stage("build", interrupted="nothing was pushed") as stage:
        _, counts = bake.build(_bake(run, images, "load"), run.settings.root, shell, stage.update)
        stage.done(counts)
    return counts


def push(run: RunContext, images: tuple[Image, ...]) -> tuple[PushedImage, ...]:
    """Build, check and push what the registry does not have yet, and only then tag it with the commit.

    Raises BuildError, CloudError, or RefusedError when the commit's tag names another image.
    """
    known = {} if run.commit.dirty else _known(run, images)
    missing = tuple(image for image in images if image.name not in known)
    with _docker(run) if missing else contextlib.nullcontext(run.shell) as shell:
        checked = _checked(run, missing, shell) if missing else ()
        left = "layers may have been pushed; no function runs them"
        with run.progress.stage(
            "push", interrupted=left, after="the image is in the registry; no function runs it"
        ) as stage:
            told = [_reused(run, tuple(known.values()))] if known else []
            if checked:
                _push(run, missing, tuple(image for image, _ in checked), shell, stage.update)
                sizes = ", ".join(seen.words() for _, seen in checked)
                told.append(f"{_names(*(image for image, _ in checked))} ({sizes})")
            stage.done("; ".join(told))
    return tuple(sorted((*known.values(), *(image for image, _ in checked)), key=lambda image: image.name))


def preview(run: RunContext, images: tuple[Image, ...]) -> tuple[tuple[PushedImage, InspectedImage], ...]:
    """What `publish` would come to, pushing nothing: each image, and what is in it.

    Raises BuildError for an image that would be refused, or CloudError.
    """
    known = {} if run.commit.dirty else _known(run, images)
    access = ecr.authorize(run.aws)
    there = tuple((image, inspect.pushed(run.aws, image, access)) for image in known.values())
    missing = tuple(image for image in images if image.name not in known)
    if not missing:
        return there
    with _docker(run) as shell:
        return (*there, *_checked(run, missing, shell))


def _reused(run: RunContext, known: tuple[PushedImage, ...]) -> str:
    access = ecr.authorize(run.aws)
    sizes = [check.require_pushed(run.aws, image, run.settings.platform, access).words() for image in known]
    for image in known:
        ecr.tag(run.aws, image, "latest")
    return f"{_names(*known)} (already in the registry; {', '.join(sizes)})"


def _push(
    run: RunContext, images: tuple[Image, ...], checked: tuple[PushedImage, ...], shell: Shell, update: Update
) -> None:
    digests, _ = bake.build(_bake(run, images, "push"), run.settings.root, shell, update)
    pushed = bake.pushed_images(images, digests)
    if pushed != checked:
        why = f"Checked was {_names(*checked)}; what was pushed got no tag of its commit, and is not deployed."
        raise BuildError(f"{_names(*pushed)} was pushed, which is not what was checked.", why, "deploy again")
    name = ecr.tag if run.commit.dirty else ecr.claim
    for image in pushed:
        name(run.aws, image, run.commit.tag)


def _checked(
    run: RunContext, images: tuple[Image, ...], shell: Shell
) -> tuple[tuple[PushedImage, InspectedImage], ...]:
    """Each image as it would be pushed, with what the gate saw of it."""
    archive = _bake(run, images, "archive")
    with run.progress.stage("build", interrupted="nothing was pushed", after=_BUILT) as stage:
        digests, counts = bake.build(archive, run.settings.root, shell, stage.update)
        stage.done(counts)
    intended = bake.pushed_images(images, digests)
    with run.progress.stage("check", interrupted="nothing was pushed") as stage:
        found = []
        for image in intended:
            stage.update(f"looking at {image.name}")
            seen = inspect.archive(image.name, archive.archive(image.name), image.digest)
            check.require(seen, run.settings.platform)
            found.append((image, seen))
        told = f"{_names(*intended)}: {sum(seen.uncompressed for _, seen in found) / 1e6:.0f} MB uncompressed"
        if run.settings.environment.protected:
            told += f", {', '.join(_start_check(run, archive, pair, shell, stage.update) for pair in found)}"
        stage.done(told)
    return tuple(found)


def _start_check(
    run: RunContext, archive: Bake, found: tuple[PushedImage, InspectedImage], shell: Shell, update: Update
) -> str:
    image, seen = found
    update(f"starting {image.name} as Lambda would")
    program = start_check.emulator(run.settings.root / ".cache", run.settings.platform, shell)
    start_check.load(archive.archive(image.name), shell)
    start = start_check.StartCheck(
        f"{image.repository}:{run.commit.tag}", seen.config, run.settings.platform, run.commit.tag
    )
    return start_check.run_check(start, program, shell)


def _names(*images: PushedImage) -> str:
    return ", ".join(f"{image.name} {image.short}" for image in images)


def _known(run: RunContext, images: tuple[Image, ...]) -> dict[str, PushedImage]:
    found = {image.name: ecr.find(run.aws, image, run.commit.tag) for image in images}
    return {name: image for name, image in found.items() if image is not None}


def _bake(run: RunContext, images: tuple[Image, ...], output: str) -> Bake:
    variables = bake.variables(run.settings, run.commit, run.shell.variables)
    return Bake(tuple(image.name for image in images), variables, run.scratch, output)


@contextlib.contextmanager
def _docker(run: RunContext) -> Iterator[Shell]:
    """A shell whose docker is logged in to the environment's registry, which has the cache too."""
    access = ecr.authorize(run.aws)
    with login.logged_in(run.scratch, run.settings.environment, access.password, run.shell) as shell:
        yield shell
