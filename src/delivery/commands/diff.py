"""The story of a diff: what a deploy would change, pushing nothing and applying nothing.

live: alias -> version -> its commit, its digest --+
here: the commit; the image as it would be pushed -+-> commits, layers; and Terraform's plan on that digest
"""

from dataclasses import dataclass, replace

from delivery import git
from delivery.aws import ecr, function
from delivery.context import RunContext, require_docker
from delivery.errors import BuildError
from delivery.image import bake, inspect, push
from delivery.image.inspect import InspectedImage
from delivery.process import parallel
from delivery.progress import UNCHANGED
from delivery.reference import PushedImage
from delivery.terraform import execute, stages, state, variables
from delivery.terraform.plan import Plan


@dataclass(frozen=True)
class Live:
    """What serves now of one image: its version, the commit and the image it runs."""

    version: str
    commit: str
    image: PushedImage


@dataclass(frozen=True)
class Change:
    """One image as it would be deployed, against what is live of it. Layers: digest to bytes, compressed."""

    image: PushedImage
    live: Live | None
    layers: dict[str, int]
    live_layers: dict[str, int]
    commits: tuple[str, ...] | None
    """Newest first; None when git here does not know the commit that is live."""

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


def compare(run: RunContext) -> Difference:
    """Compare; reads, and builds into a file. Raises what the stages of a deploy would, up to its plan."""
    with run.progress.stage("guards", interrupted=UNCHANGED) as stage:
        versions = require_docker(run)
        images = bake.images(run.settings, bake.targets(run.settings, run.shell), run.commit)
        stage.done(f"{versions}, commit {run.commit.short}")
    ecr.require_repositories(run.aws, images)
    built, stack = parallel.both(run.shell, lambda: push.preview(run, images), lambda: stages.init(run, state.STACK))
    with run.progress.stage("compare", interrupted=UNCHANGED) as stage:
        live = _live(run)
        changes = tuple(_change(run, image, seen, live.get(image.name)) for image, seen in built)
        values = variables.service(run.settings, {image.name: image.uri for image, _ in built}, run.commit.tag)
        plan = execute.plan(replace(stack, locks=False), values, run.scratch, run.shell, stage.update)
        found = Difference(changes, plan)
        stage.done(f"commit {run.commit.short} against what is live")
    return found


def _live(run: RunContext) -> dict[str, Live]:
    found = {}
    for target in state.functions(run):
        version = function.read_alias(run.aws, target).version
        repository, _, digest = function.read_image_uri(run.aws, target, version).partition("@")
        commit = function.read_commit(run.aws, replace(target, version=version))
        found[target.image] = Live(version, commit, PushedImage(target.image, repository, digest))
    return found


def _change(run: RunContext, image: PushedImage, seen: InspectedImage, live: Live | None) -> Change:
    if live is None:
        return Change(image, None, _layers(seen), {}, None)
    try:
        before = _layers(inspect.pushed(run.aws, live.image, ecr.authorize(run.aws)))
    except BuildError:  # it is gone from the registry: all of the new one will be fetched
        before = {}
    commits = git.commits_between(run.settings.root, live.commit.removesuffix("-dirty"), "HEAD", run.shell)
    return Change(image, live, _layers(seen), before, commits)


def _layers(seen: InspectedImage) -> dict[str, int]:
    return {layer["digest"]: layer["size"] for layer in seen.document["layers"]}
