"""`invoke diff`: what a deploy would change; it pushes nothing and applies nothing.

live: alias -> version -> its commit, its digest ----------+
this checkout: its commit; the image that would be pushed -+-> commits, layers, packages, and Terraform's plan on that
                                                               digest
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import delivery.image  # which imports contents at its first use: a deploy compares no packages
from delivery import git
from delivery.aws import ecr, function
from delivery.aws.function import Function
from delivery.context import RunContext, require_docker
from delivery.errors import BuildError, CloudError
from delivery.image import bake, components, inspect, push
from delivery.image.inspect import InspectedImage
from delivery.image.push import Built
from delivery.process import parallel
from delivery.progress import UNCHANGED
from delivery.reference import PushedImage
from delivery.terraform import execute, stages, state, variables
from delivery.terraform.plan import Plan

if TYPE_CHECKING:
    from delivery.image.contents import Comparison


@dataclass(frozen=True)
class Live:
    """The live version of one function, with its commit and its image. `url`: empty without a Function URL."""

    version: str
    commit: str
    image: PushedImage
    url: str = ""


@dataclass(frozen=True)
class Change:
    """The image that would be deployed, and the live one. Layers: digest to compressed bytes."""

    image: PushedImage
    live: Live | None
    layers: dict[str, int]
    live_layers: dict[str, int]
    commits: tuple[str, ...] | None
    """Newest first; None when this clone does not have the live commit."""
    packages: tuple[components.Change, ...] | None = None
    """The packages that differ; None when nothing is live, or when they are not known."""
    unknown: str = ""
    """Why the packages are not known."""

    @property
    def empty(self) -> bool:
        """Whether the live image is the one that would be deployed."""
        return self.live is not None and self.live.image == self.image

    @property
    def new_layers(self) -> dict[str, int]:
        """The layers that the live image does not have."""
        return {digest: size for digest, size in self.layers.items() if digest not in self.live_layers}


@dataclass(frozen=True)
class Difference:
    """Everything a deploy would change."""

    changes: tuple[Change, ...]
    plan: Plan

    @property
    def empty(self) -> bool:
        """Whether a deploy would change nothing."""
        return self.plan.empty and all(change.empty for change in self.changes)


def compare(run: RunContext, *, refreshes: bool = True) -> Difference:
    """Build the images into files, and compare. Raises the errors of a deploy, up to its plan.

    `refreshes`: whether the plan reads every resource again. Without that it compares with the state, and shows no
    drift; it then needs no permission to read the resources.
    """
    with run.progress.stage("guards", interrupted=UNCHANGED) as stage:
        versions = require_docker(run)
        images = bake.images(run.settings, bake.targets(run.settings, run.shell))
        stage.done(f"{versions}, commit {run.commit.short}")
    ecr.require_repositories(run.aws, images)
    built, stack = parallel.both(run.shell, lambda: push.preview(run, images), lambda: stages.init(run, state.STACK))
    with run.progress.stage("compare", interrupted=UNCHANGED) as stage:
        live = _live(run)
        found = parallel.map(run.shell, lambda each: _change(run, each, live.get(each[0].name)), built)
        uris, live_versions = (
            {image.name: image.uri for image, _ in built},
            {name: each.version for name, each in live.items()},
        )
        values = variables.service(run.settings, uris, live_versions)
        unlocked = replace(stack, locks=False, refreshes=refreshes)
        saved, changes = parallel.both(
            run.shell,
            lambda: execute.plan(unlocked, values, run.scratch, run.shell, stage.update),
            lambda: _with_packages(run, found, dict(built)),
        )
        plan = execute.read_back(saved, run.shell)
        stage.done(f"commit {run.commit.short} with the live versions")
    return Difference(changes, plan)


def _live(run: RunContext) -> dict[str, Live]:
    """Image name to the live version; functions that nobody can call yet are left out."""

    def read(deployed: Function) -> Live | None:
        if alias := function.find_alias(run.aws, deployed):
            version = function.read_version(run.aws, deployed, alias.version)
            return Live(alias.version, version.commit, version.pushed_image, deployed.url)
        return None

    return {each.image.name: each for each in parallel.map(run.shell, read, state.functions(run)) if each}


def _change(run: RunContext, built: Built, live: Live | None) -> Change:
    image, inspected = built
    if live is None:
        return Change(image, None, _layers(inspected), {}, None)
    try:
        before = _layers(inspect.pushed(run.aws, live.image, ecr.authorize(run.aws)))
    except BuildError:  # the live image is gone from the registry: Lambda fetches every layer
        before = {}
    commits = git.commits_between(run.settings.root, live.commit.removesuffix("-dirty"), "HEAD", run.shell)
    return Change(image, live, _layers(inspected), before, commits)


def _with_packages(
    run: RunContext, changes: tuple[Change, ...], built: Mapping[PushedImage, InspectedImage]
) -> tuple[Change, ...]:
    """The changes with the packages that differ. Nothing is read for an image that stays the same."""
    if not any(change.live and not change.empty for change in changes):
        return changes
    comparison = delivery.image.contents.Comparison(run)
    # One after the other, because their layers are often the same, and each layer is read once.
    return tuple(_compared(comparison, change, built[change.image]) for change in changes)


def _compared(comparison: "Comparison", change: Change, inspected: InspectedImage) -> Change:
    live = change.live
    if live is None or change.empty:
        return replace(change, packages=() if change.empty else None)
    try:
        return replace(change, packages=comparison.changes(inspected, change.image, live.image, live.commit))
    except (BuildError, CloudError) as error:  # the rest of the difference is known, and a deploy would work
        return replace(change, unknown=error.what)


def _layers(image: InspectedImage) -> dict[str, int]:
    return {layer["digest"]: layer["size"] for layer in image.document["layers"]}
