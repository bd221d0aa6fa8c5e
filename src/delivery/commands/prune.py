"""`invoke prune`: remove versions that can never serve again, and the images that only they ran.

    versions: live, with a share of the requests, released, or newer than the live one --> they and their images stay
        | all others
        +--> deleted first, then the attestations of their images, then the images: an interrupt leaves no version
             without its image, and no attestation without an image

An image that was never applied expires by itself (infrastructure/modules/image_repository); the build cache stays.
A prune needs permissions that the CI role does not have: a person runs it.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace

from delivery.aws import ecr, function, referrers
from delivery.aws.ecr import StoredImage
from delivery.aws.function import Function
from delivery.context import RunContext
from delivery.errors import RefusedError
from delivery.process import parallel
from delivery.progress import UNCHANGED
from delivery.reference import Image, short_digest
from delivery.terraform import state

_UNPUBLISHED = "$LATEST"
_LATEST = "latest"  # the tag of the last push: another run may be deploying that image now


@dataclass(frozen=True)
class Inventory:
    """Everything that exists of one function.

    `versions`: version to the digest that it runs. `unpublished`: the digest of $LATEST. `live`: the version of the
    alias, empty without an alias. `aliased`: the versions that any alias names. `images`: the repository's content.
    """

    versions: Mapping[str, str]
    unpublished: str
    live: str
    aliased: frozenset[str]
    images: tuple[StoredImage, ...]


@dataclass(frozen=True)
class Pruning:
    """The versions and images of one function that can be removed; an attestation comes before its image."""

    function: Function
    repository_name: str
    versions: tuple[str, ...]
    images: tuple[StoredImage, ...]


def choose(inventory: Inventory) -> tuple[tuple[str, ...], tuple[StoredImage, ...]]:
    """The versions and images that can be removed, with the attestations of these images before them.

    A version stays if an alias names it, if it was released (a rollback may return to it), or if it is newer than the
    live one (another run may be verifying it now). The image of a version that stays, stays. If nothing is live yet,
    every version stays.
    """
    tags = [tag for image in inventory.images for tag in image.tags]
    released = {tag.removeprefix(ecr.RELEASE) for tag in tags if tag.startswith(ecr.RELEASE)}
    staying = {
        version
        for version in inventory.versions
        if version in inventory.aliased or version in released or int(version) > int(inventory.live or 0)
    }
    used = {inventory.unpublished, *(inventory.versions[version] for version in staying)}
    removable = sorted(set(inventory.versions) - staying, key=int)
    images = tuple(image for image in inventory.images if image.digest not in used and _prunable(image))
    gone = {image.digest for image in images}
    beside = tuple(
        image for image in inventory.images if referrers.subject(image.tags) in gone and image.digest not in used
    )
    return tuple(removable), (*beside, *images)


def plan(run: RunContext) -> tuple[Pruning, ...]:
    """List the versions and images that can be removed; change nothing. Raises RefusedError or CloudError."""
    functions = state.functions(run)
    with run.progress.stage("list", interrupted=UNCHANGED) as stage:
        inventories = zip(functions, _read(run, functions), strict=True)
        chosen = ((deployed, choose(inventory)) for deployed, inventory in inventories)
        prunings = [Pruning(deployed, _repository_name(run, deployed), *removable) for deployed, removable in chosen]
        removable = tuple(pruning for pruning in prunings if pruning.versions or pruning.images)
        stage.done(f"can be removed: {_counts(removable)}" if removable else "nothing to prune")
    return removable


def remove(run: RunContext, prunings: tuple[Pruning, ...]) -> None:
    """Delete each version, then its image. Raises CloudError; the next prune removes the rest."""
    left = "a part of the list was removed; the next prune removes the rest"
    with run.progress.stage("prune", interrupted=left, after="the list was removed") as stage:
        for pruning in prunings:
            for version in pruning.versions:
                stage.update(f"version {version} of {pruning.function.name}")
                with run.aws.explained(f"delete version {version} of {pruning.function.name}"):
                    run.aws.functions.delete_function(FunctionName=pruning.function.name, Qualifier=version)
            for image in pruning.images:
                stage.update(f"{kind(image)} {short_digest(image.digest)}")
                ecr.delete_image(run.aws, pruning.repository_name, image.digest)
        stage.done(f"removed: {_counts(prunings)}")


def kind(image: StoredImage) -> str:
    """What an entry of the repository is, for people."""
    return "attestation" if referrers.subject(image.tags) else "image"


def _counts(prunings: tuple[Pruning, ...]) -> str:
    versions, images = sum(len(each.versions) for each in prunings), [one for each in prunings for one in each.images]
    beside = sum(1 for image in images if kind(image) == "attestation")
    return f"{versions} versions, {len(images) - beside} images{f', {beside} attestations' if beside else ''}"


def _prunable(image: StoredImage) -> bool:
    return (
        any(tag.startswith(ecr.PROTECTED) for tag in image.tags)
        and not any(tag.startswith(ecr.RELEASE) for tag in image.tags)
        and _LATEST not in image.tags
    )


def _repository_name(run: RunContext, deployed: Function) -> str:
    return Image(deployed.image, run.settings.environment.repository(deployed.image)).repository_name


def _read(run: RunContext, functions: tuple[Function, ...]) -> tuple[Inventory, ...]:
    listed = parallel.map(run.shell, functools.partial(_list, run), functions)
    pairs = [
        (deployed, version)
        for deployed, inventory in zip(functions, listed, strict=True)
        for version in (*inventory.versions, _UNPUBLISHED)
    ]
    read = parallel.map(run.shell, lambda pair: function.read_version(run.aws, *pair).digest, pairs)
    digests = dict(zip(pairs, read, strict=True))
    return tuple(
        replace(
            inventory,
            versions={version: digests[deployed, version] for version in inventory.versions},
            unpublished=digests[deployed, _UNPUBLISHED],
        )
        for deployed, inventory in zip(functions, listed, strict=True)
    )


def _list(run: RunContext, deployed: Function) -> Inventory:
    """The inventory of a function, in which no version has its digest yet."""
    aws = run.aws
    # The images first: an image that is pushed during the reads is not in the list, so it cannot count as unused.
    images = ecr.list_images(aws, _repository_name(run, deployed))
    live, aliased = "", set()
    with aws.explained(f"list the aliases of {deployed.name}"):
        for aliases in aws.functions.get_paginator("list_aliases").paginate(FunctionName=deployed.name):
            for alias in aliases["Aliases"]:
                aliased |= {
                    alias["FunctionVersion"],
                    *alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}),
                }
                live = alias["FunctionVersion"] if alias["Name"] == deployed.alias else live
    if live and not live.isdigit():
        why = f"It names {live}."
        raise RefusedError(
            f"The alias {deployed.alias} of {deployed.name} names no version.", why, aws.environment.command("deploy")
        )
    versions = {version["Version"]: "" for version in function.list_versions(aws, deployed)}
    return Inventory(versions, "", live, frozenset(aliased), images)
