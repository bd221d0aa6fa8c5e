"""Builds images and gets them into the registry: what is there already is not built again."""

from delivery import docker, login, registry, terraform
from delivery.image import Image, PublishedImage
from delivery.workbench import Workbench


def build(bench: Workbench, images: tuple[Image, ...]) -> str:
    """Build into the local engine, without pushing; returns the counts of steps in words."""
    with bench.progress.stage("build") as stage:
        _, counts = _bake(bench, images, push=False, stage_say=stage.say)
        stage.done(counts)
    return counts


def publish(bench: Workbench, images: tuple[Image, ...]) -> tuple[PublishedImage, ...]:
    """Build and push what the registry does not have yet, check every image, and only then tag it with the commit.

    Raises BuildError, CloudError, or RefusedError when the commit's tag names another image.
    """
    with bench.progress.stage("publish") as stage:
        known = {} if bench.source.dirty else _known(bench, images)
        missing = tuple(image for image in images if image.name not in known)
        pushed: tuple[PublishedImage, ...] = ()
        how = "already in the registry"
        if missing:
            digests, how = _bake(bench, missing, push=True, stage_say=stage.say)
            pushed = docker.published(missing, digests)
        result = tuple(sorted((*known.values(), *pushed), key=lambda image: image.name))
        access = registry.login(bench.aws)
        sizes = [registry.check(bench.aws, image, bench.settings.platform, access) for image in result]
        for image in pushed:
            name = registry.tag if bench.source.dirty else registry.claim
            name(bench.aws, image, bench.source.tag)
        for image in known.values():
            registry.tag(bench.aws, image, "latest")
        stage.done(f"{', '.join(f'{image.name} {image.short}' for image in result)} ({how}; {', '.join(sizes)})")
    for image in result:
        bench.progress.fact("digest", image.digest)
    bench.progress.fact("tag", bench.source.tag)
    return result


def _known(bench: Workbench, images: tuple[Image, ...]) -> dict[str, PublishedImage]:
    found = {image.name: registry.find(bench.aws, image, bench.source.tag) for image in images}
    return {name: image for name, image in found.items() if image is not None}


def _bake(
    bench: Workbench, images: tuple[Image, ...], push: bool, stage_say: terraform.Say
) -> tuple[dict[str, str], str]:
    settings = bench.settings
    variables = docker.variables(settings, bench.source, bench.shell.variables)
    bake = docker.Bake(tuple(image.name for image in images), variables, bench.scratch, push)
    access = registry.login(bench.aws)
    host = settings.environment.registry
    with login.logged_in(bench.scratch, host, access.password, bench.shell) as shell:
        return docker.build(bake, settings.root, shell, stage_say)
