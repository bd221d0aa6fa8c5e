"""Builds images, checks them and pushes them. An image that the registry has is not built again.

    build into a file --> check the rules of Lambda; for a protected environment, start the image once
                            | refused: nothing was pushed
                            +--> push --> the same digest? --> tag with the commit

A promoted image is not started again: Lambda ran it, and it was verified there.
"""

import contextlib
from collections.abc import Iterator

from delivery.aws import ecr
from delivery.context import RunContext
from delivery.errors import BuildError
from delivery.image import bake, check, inspect, login, network, start_check
from delivery.image.bake import Bake
from delivery.image.inspect import InspectedImage
from delivery.process.shell import Shell
from delivery.progress import Update
from delivery.reference import Image, PushedImage

Built = tuple[PushedImage, InspectedImage]
"""An image as it was or would be pushed, and its content."""

_NOT_PUSHED = "nothing was pushed"


def build(run: RunContext, images: tuple[Image, ...]) -> str:
    """Build into the local engine, and push nothing; return the counts of steps, for people.

    Raises BuildError or CloudError.
    """
    with _docker(run) as shell, run.progress.stage("build", interrupted=_NOT_PUSHED) as stage:
        baked = bake.build(_bake(run, images, "load"), run.settings.source, shell, stage.update)
        stage.warn(*baked.warnings)
        stage.done(baked.counts)
    return baked.counts


def push(run: RunContext, images: tuple[Image, ...]) -> tuple[PushedImage, ...]:
    """Build, check and push the images that the registry does not have, then tag them with the commit.

    Raises BuildError, CloudError, or RefusedError when another image has the tag of the commit.
    """
    present = _present(run, images)
    missing = tuple(image for image in images if image.name not in present)
    with _docker(run) if missing else contextlib.nullcontext(run.shell) as shell:
        built = _build_and_check(run, missing, shell) if missing else ()
        left = "layers may have been pushed; no function runs them"
        after = "the image is in the registry; no function runs it"
        with run.progress.stage("push", interrupted=left, after=after) as stage:
            results = [_reuse(run, tuple(present.values()))] if present else []
            if built:
                stage.warn(*_push(run, missing, tuple(image for image, _ in built), shell, stage.update))
                sizes = ", ".join(inspected.size for _, inspected in built)
                results.append(f"{_names(*(image for image, _ in built))} ({sizes})")
            stage.done("; ".join(results))
    return tuple(sorted((*present.values(), *(image for image, _ in built)), key=lambda image: image.name))


def preview(run: RunContext, images: tuple[Image, ...]) -> tuple[Built, ...]:
    """The images that `push` would push, with their content; pushes nothing.

    Raises BuildError for an image that would be refused, or CloudError.
    """
    present = _present(run, images)
    access = ecr.authorize(run.aws)
    pushed = tuple((image, inspect.pushed(run.aws, image, access)) for image in present.values())
    missing = tuple(image for image in images if image.name not in present)
    if not missing:
        return pushed
    with _docker(run) as shell:
        return (*pushed, *_build_and_check(run, missing, shell))


def _present(run: RunContext, images: tuple[Image, ...]) -> dict[str, PushedImage]:
    """The images that the registry has for this commit, by name; none for a dirty tree, whose tag proves nothing."""
    if run.commit.dirty:
        return {}
    pushed = {image.name: ecr.find(run.aws, image, run.commit.tag) for image in images}
    return {name: image for name, image in pushed.items() if image is not None}


def _reuse(run: RunContext, present: tuple[PushedImage, ...]) -> str:
    access = ecr.authorize(run.aws)
    sizes = [check.require_pushed(run.aws, image, run.settings.platform, access).size for image in present]
    for image in present:
        ecr.tag(run.aws, image, "latest")
    return f"{_names(*present)} (already in the registry; {', '.join(sizes)})"


def _build_and_check(run: RunContext, images: tuple[Image, ...], shell: Shell) -> tuple[Built, ...]:
    archive = _bake(run, images, "archive")
    after = "the image was built; nothing was pushed"
    with run.progress.stage("build", interrupted=_NOT_PUSHED, after=after) as stage:
        baked = bake.build(archive, run.settings.source, shell, stage.update)
        stage.warn(*baked.warnings)
        stage.done(baked.counts)
    pushed_later = bake.pushed_images(images, baked.digests)
    with run.progress.stage("check", interrupted=_NOT_PUSHED) as stage:
        built = []
        for image in pushed_later:
            stage.update(f"checking {image.name}")
            inspected = inspect.archive(image.name, archive.archive(image.name), image.digest)
            check.require(inspected, run.settings.platform)
            built.append((image, inspected))
        size = sum(inspected.uncompressed for _, inspected in built) / 1e6
        result = f"{_names(*pushed_later)}: {size:.0f} MB uncompressed"
        if run.settings.environment.protected:
            starts = [_start_check(run, archive, image, shell, stage.update) for image in built]
            result += f", {', '.join(starts)}"
        stage.done(result)
    return tuple(built)


def _start_check(run: RunContext, archive: Bake, built: Built, shell: Shell, update: Update) -> str:
    image, inspected = built
    update(f"starting {image.name} as Lambda does")
    platform, commit = run.settings.platform, run.commit.tag
    program = start_check.emulator(run.settings.root / ".cache", platform, shell)
    start_check.load(archive.archive(image.name), shell)
    start = start_check.StartCheck(f"{image.repository}:{commit}", inspected.config, platform, commit)
    return start_check.run_check(start, program, shell)


def _push(
    run: RunContext, images: tuple[Image, ...], checked: tuple[PushedImage, ...], shell: Shell, update: Update
) -> tuple[str, ...]:
    """Push the images, and tag them with the commit; return what went wrong with the build cache."""
    baked = bake.build(_bake(run, images, "push"), run.settings.source, shell, update)
    pushed = bake.pushed_images(images, baked.digests)
    if pushed != checked:
        why = f"The checked image is {_names(*checked)}. The pushed one got no tag of its commit, and is not deployed."
        raise BuildError(f"{_names(*pushed)} was pushed, which is not the checked image.", why, "deploy again")
    tag = ecr.tag if run.commit.dirty else ecr.claim
    for image in pushed:
        tag(run.aws, image, run.commit.tag)
    return baked.warnings


def _names(*images: PushedImage) -> str:
    return ", ".join(f"{image.name} {image.short_digest}" for image in images)


def _bake(run: RunContext, images: tuple[Image, ...], output: str) -> Bake:
    inherited = run.shell.variables
    variables = bake.variables(run.settings, run.commit, inherited)
    around = network.inherited(inherited, proxied=login.proxied(run.shell))
    names = tuple(image.name for image in images)
    return Bake(names, run.settings.environment, variables, run.scratch, output, around)


@contextlib.contextmanager
def _docker(run: RunContext) -> Iterator[Shell]:
    """A shell whose docker is logged in to the environment's registry, which has the build cache too."""
    access = ecr.authorize(run.aws)
    with login.logged_in(run.scratch, run.settings.environment, access.password, run.shell) as shell:
        yield shell
