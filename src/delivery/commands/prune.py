"""The story of a prune: versions that nothing can want any more, and the images that only they ran.

    versions -- live, weighted, released, newer than live --> stay
        | the others                                            | their images stay
        +--> deleted first, then the images that were kept for them: an interrupt leaves no version without its image

Images that were never applied expire by themselves (infrastructure/modules/image_repository); the build cache stays.
A prune needs permissions that the CI role has not: it is for a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from delivery.aws import ecr
from delivery.aws.ecr import StoredImage
from delivery.aws.function import Function
from delivery.aws.session import Aws
from delivery.context import RunContext
from delivery.errors import RefusedError
from delivery.progress import UNCHANGED
from delivery.terraform import state

_LATEST = "latest"  # what was pushed last: somebody may be deploying it now


@dataclass(frozen=True)
class Inventory:
    """What there is of one function: version to the digest it runs, the aliases' versions, and the repository."""

    versions: Mapping[str, str]
    unpublished: str
    live: str
    named: frozenset[str]
    images: tuple[StoredImage, ...]


@dataclass(frozen=True)
class Pruning:
    """What of one function can go."""

    function: Function
    repository_name: str
    versions: tuple[str, ...]
    images: tuple[StoredImage, ...]


def choose(found: Inventory) -> tuple[tuple[str, ...], tuple[StoredImage, ...]]:
    """Which versions and images can go; never what is live, weighted, released, or newer than what is live.

    What is newer may be in its verification just now. A release stays with its image whatever its age: any of them
    can be rolled back to.
    """
    tags = [tag for image in found.images for tag in image.tags]
    released = {tag.removeprefix(ecr.RELEASE) for tag in tags if tag.startswith(ecr.RELEASE)}
    staying = {
        version
        for version in found.versions
        if version in found.named or version in released or int(version) > int(found.live)
    }
    used = {found.unpublished, *(found.versions[version] for version in staying)}
    going = sorted(set(found.versions) - staying, key=int)
    return tuple(going), tuple(image for image in found.images if image.digest not in used and _prunable(image))


def plan(run: RunContext) -> tuple[Pruning, ...]:
    """What can go, of every function; reads only. Raises RefusedError or CloudError."""
    prunings = []
    functions = state.functions(run)
    with run.progress.stage("list", interrupted=UNCHANGED) as stage:
        for target in functions:
            repository_name = target.image_uri.partition("@")[0].partition("/")[2]
            versions, images = choose(_look(run.aws, target, repository_name))
            prunings.append(Pruning(target, repository_name, versions, images))
        found = tuple(it for it in prunings if it.versions or it.images)
        stage.done(f"can go: {_counts(found)}" if found else "nothing to prune")
    return found


def remove(run: RunContext, prunings: tuple[Pruning, ...]) -> None:
    """Delete what was found, each version before its image. Raises CloudError; what is left goes the next time."""
    left = "a part of the list was removed; the next prune removes the rest"
    with run.progress.stage("prune", interrupted=left, after="the list was removed") as stage:
        for pruning in prunings:
            for version in pruning.versions:
                stage.update(f"version {version} of {pruning.function.name}")
                with run.aws.explained(f"delete version {version} of {pruning.function.name}"):
                    run.aws.functions.delete_function(FunctionName=pruning.function.name, Qualifier=version)
            for image in pruning.images:
                stage.update(f"image {image.digest[:19]}")
                ecr.delete_image(run.aws, pruning.repository_name, image.digest)
        stage.done(f"gone: {_counts(prunings)}")


def _counts(prunings: tuple[Pruning, ...]) -> str:
    versions, images = sum(len(it.versions) for it in prunings), sum(len(it.images) for it in prunings)
    return f"{versions} of the versions, {images} of the images"


def _prunable(image: StoredImage) -> bool:
    return (
        any(tag.startswith(ecr.KEEP) for tag in image.tags)
        and not any(tag.startswith(ecr.RELEASE) for tag in image.tags)
        and _LATEST not in image.tags
    )


def _look(aws: Aws, target: Function, repository_name: str) -> Inventory:
    # The images first: one that is pushed while we look is not in the list, so it cannot be taken for unused.
    images = ecr.list_images(aws, repository_name)
    live, named = "", set()
    versions: list[str] = []
    with aws.explained(f"list the versions and aliases of {target.name}"):
        for aliases in aws.functions.get_paginator("list_aliases").paginate(FunctionName=target.name):
            for alias in aliases["Aliases"]:
                named |= {alias["FunctionVersion"], *alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})}
                live = alias["FunctionVersion"] if alias["Name"] == target.alias else live
        for page in aws.functions.get_paginator("list_versions_by_function").paginate(FunctionName=target.name):
            versions += [version["Version"] for version in page["Versions"] if version["Version"].isdigit()]
    if not live.isdigit():
        why = f"It names {live or 'nothing'}."
        raise RefusedError(
            f"The alias {target.alias} of {target.name} names no version.", why, aws.environment.command("deploy")
        )
    digests = {version: _digest(aws, target, version) for version in versions}
    return Inventory(digests, _digest(aws, target, "$LATEST"), live, frozenset(named), images)


def _digest(aws: Aws, target: Function, version: str) -> str:
    with aws.explained(f"read the image of version {version} of {target.name}"):
        code = aws.functions.get_function(FunctionName=target.name, Qualifier=version)["Code"]
    digest = (code.get("ResolvedImageUri") or code.get("ImageUri", "")).partition("@")[2]
    if not digest:
        why = "So nobody can say which images are in use."
        raise RefusedError(f"Version {version} of {target.name} names no digest.", why, "deploy it by digest")
    return digest
