"""Builds images, checks them, and gets them into the registry: what is there already is not built again.

    build into a file --> gate: what Lambda takes; in a protected environment, a start as Lambda would start it
                            | refused: nothing was pushed
                            +--> push --> the same digest? --> tagged with the commit

A promoted image passes no second start: it ran in Lambda, and was verified there.
"""

import contextlib
from collections.abc import Iterator

from delivery import archive, docker, gate, login, registry, rie
from delivery.docker import Bake
from delivery.errors import BuildError
from delivery.gate import Candidate
from delivery.image import Image, PublishedImage
from delivery.shell import Shell
from delivery.terraform import Say
from delivery.workbench import Workbench


def build(bench: Workbench, images: tuple[Image, ...]) -> str:
    """Build into the local engine, without pushing; returns the counts of steps in words."""
    with _docker(bench) as shell, bench.progress.stage("build") as stage:
        _, counts = docker.build(_bake(bench, images, "load"), bench.settings.root, shell, stage.say)
        stage.done(counts)
    return counts


def publish(bench: Workbench, images: tuple[Image, ...]) -> tuple[PublishedImage, ...]:
    """Build, check and push what the registry does not have yet, and only then tag it with the commit.

    Raises BuildError, CloudError, or RefusedError when the commit's tag names another image.
    """
    known = {} if bench.source.dirty else _known(bench, images)
    missing = tuple(image for image in images if image.name not in known)
    with _docker(bench) if missing else contextlib.nullcontext(bench.shell) as shell:
        checked = _checked(bench, missing, shell) if missing else ()
        with bench.progress.stage("publish") as stage:
            told = [_reused(bench, tuple(known.values()))] if known else []
            if checked:
                _push(bench, missing, tuple(image for image, _ in checked), shell, stage.say)
                sizes = ", ".join(seen.words() for _, seen in checked)
                told.append(f"{_names(*(image for image, _ in checked))} ({sizes})")
            stage.done("; ".join(told))
    result = tuple(sorted((*known.values(), *(image for image, _ in checked)), key=lambda image: image.name))
    for image in result:
        bench.progress.fact("digest", image.digest)
    bench.progress.fact("tag", bench.source.tag)
    return result


def preview(bench: Workbench, images: tuple[Image, ...]) -> tuple[tuple[PublishedImage, Candidate], ...]:
    """What `publish` would come to, pushing nothing: each image, and what is in it.

    Raises BuildError for an image that would be refused, or CloudError.
    """
    known = {} if bench.source.dirty else _known(bench, images)
    access = registry.login(bench.aws)
    there = tuple((image, registry.look(bench.aws, image, access)) for image in known.values())
    missing = tuple(image for image in images if image.name not in known)
    if not missing:
        return there
    with _docker(bench) as shell:
        return (*there, *_checked(bench, missing, shell))


def _reused(bench: Workbench, known: tuple[PublishedImage, ...]) -> str:
    access = registry.login(bench.aws)
    sizes = [registry.check(bench.aws, image, bench.settings.platform, access) for image in known]
    for image in known:
        registry.tag(bench.aws, image, "latest")
    return f"{_names(*known)} (already in the registry; {', '.join(sizes)})"


def _push(
    bench: Workbench, images: tuple[Image, ...], checked: tuple[PublishedImage, ...], shell: Shell, say: Say
) -> None:
    digests, _ = docker.build(_bake(bench, images, "push"), bench.settings.root, shell, say)
    pushed = docker.published(images, digests)
    if pushed != checked:
        why = f"Checked was {_names(*checked)}; what was pushed got no tag of its commit, and is not deployed."
        raise BuildError(f"{_names(*pushed)} was pushed, which is not what was checked.", why, "deploy again")
    name = registry.tag if bench.source.dirty else registry.claim
    for image in pushed:
        name(bench.aws, image, bench.source.tag)


def _checked(bench: Workbench, images: tuple[Image, ...], shell: Shell) -> tuple[tuple[PublishedImage, Candidate], ...]:
    """Each image as it would be pushed, with what the gate saw of it."""
    bake = _bake(bench, images, "archive")
    with bench.progress.stage("build") as stage:
        digests, counts = docker.build(bake, bench.settings.root, shell, stage.say)
        stage.done(counts)
    intended = docker.published(images, digests)
    with bench.progress.stage("gate") as stage:
        found = []
        for image in intended:
            stage.say(f"looking at {image.name}")
            seen = archive.read(image.name, bake.archive(image.name), image.digest)
            gate.require(seen, bench.settings.platform)
            found.append((image, seen))
        told = f"{_names(*intended)}: {sum(seen.uncompressed for _, seen in found) / 1e6:.0f} MB uncompressed"
        if bench.settings.environment.protected:
            told += f", {', '.join(_rehearsed(bench, bake, pair, shell, stage.say) for pair in found)}"
        stage.done(told)
    return tuple(found)


def _rehearsed(bench: Workbench, bake: Bake, found: tuple[PublishedImage, Candidate], shell: Shell, say: Say) -> str:
    image, seen = found
    say(f"starting {image.name} as Lambda would")
    program = rie.program(bench.settings.root / ".cache", bench.settings.platform, shell)
    rie.load(bake.archive(image.name), shell)
    start = rie.Start(f"{image.repository}:{bench.source.tag}", seen.config, bench.settings.platform, bench.source.tag)
    return rie.rehearse(start, program, shell)


def _names(*images: PublishedImage) -> str:
    return ", ".join(f"{image.name} {image.short}" for image in images)


def _known(bench: Workbench, images: tuple[Image, ...]) -> dict[str, PublishedImage]:
    found = {image.name: registry.find(bench.aws, image, bench.source.tag) for image in images}
    return {name: image for name, image in found.items() if image is not None}


def _bake(bench: Workbench, images: tuple[Image, ...], output: str) -> Bake:
    variables = docker.variables(bench.settings, bench.source, bench.shell.variables)
    return Bake(tuple(image.name for image in images), variables, bench.scratch, output)


@contextlib.contextmanager
def _docker(bench: Workbench) -> Iterator[Shell]:
    """A shell whose docker is logged in to the environment's registry, which has the cache too."""
    access = registry.login(bench.aws)
    with login.logged_in(bench.scratch, bench.settings.environment.registry, access.password, bench.shell) as shell:
        yield shell
