"""The story of a diff: what a deploy would change, pushing nothing and applying nothing.

live: alias -> version -> its commit, its digest --+
here: the commit; the image as it would be pushed -+-> commits, layers; and Terraform's plan on that digest
"""

from dataclasses import dataclass, replace

from delivery import deploy, docker, function, parallel, publish, registry, source, state, terraform
from delivery.errors import BuildError
from delivery.gate import Candidate
from delivery.image import PublishedImage
from delivery.plan import Plan
from delivery.workbench import Workbench, require_docker


@dataclass(frozen=True)
class Live:
    """What serves now of one image: its version, the commit and the image it runs."""

    version: str
    commit: str
    image: PublishedImage

    @property
    def short(self) -> str:
        """The commit as people read it."""
        return self.commit[:12] + ("-dirty" if self.commit.endswith("-dirty") else "")


@dataclass(frozen=True)
class Change:
    """One image as it would be deployed, against what is live of it. Layers: digest to bytes, compressed."""

    image: PublishedImage
    live: Live | None
    layers: dict[str, int]
    live_layers: dict[str, int]
    commits: tuple[str, ...] | None
    """Newest first; None when git here does not know the commit that is live."""

    @property
    def none(self) -> bool:
        """Whether what is live is what would be deployed."""
        return self.live is not None and self.live.image == self.image

    def words(self) -> tuple[str, ...]:
        """Lines for people."""
        if self.live is None:
            return (f"{self.image.name}: nothing is live; {self.image.short}, {_fetched(self.layers)}",)
        head = f"{self.image.name}: version {self.live.version} is live, commit {self.live.short}"
        if self.none:
            return (f"{head}; the same image would be deployed",)
        new = {digest: size for digest, size in self.layers.items() if digest not in self.live_layers}
        told = f"{len(new)} of {len(self.layers)} layers new, {_fetched(new)}"
        return (head, *_told(self.commits), f"image {self.live.image.short} -> {self.image.short}: {told}")


@dataclass(frozen=True)
class Difference:
    """Everything a deploy would change."""

    changes: tuple[Change, ...]
    plan: Plan

    def words(self) -> tuple[str, ...]:
        """Lines for people; one that says so when it is nothing."""
        lines = tuple(line for change in self.changes for line in change.words())
        if self.plan.empty and all(change.none for change in self.changes):
            return (*lines, "nothing: a deploy would change nothing")
        return (*lines, *self.plan.words())


def find(bench: Workbench) -> Difference:
    """Compare; reads, and builds into a file. Raises what the stages of a deploy would, up to its plan."""
    with bench.progress.stage("guards") as stage:
        versions = require_docker(bench)
        images = docker.images(bench.settings, docker.targets(bench.settings, bench.shell), bench.source)
        stage.done(f"{versions}, commit {bench.source.short}")
    registry.require_repositories(bench.aws, images)
    built, stack = parallel.both(bench.shell, lambda: publish.preview(bench, images), lambda: deploy.initialise(bench))
    with bench.progress.stage("compare") as stage:
        live = _live(bench)
        changes = tuple(_change(bench, image, seen, live.get(image.name)) for image, seen in built)
        values = deploy.values_of(bench, {image.name: image.uri for image, _ in built}, bench.source.tag)
        plan = terraform.plan(replace(stack, locks=False), values, bench.scratch, bench.shell, stage.say)
        found = Difference(changes, plan)
        stage.done(f"commit {bench.source.short} against what is live")
    for line in found.words():
        bench.progress.detail(line)
    return found


def _live(bench: Workbench) -> dict[str, Live]:
    found = {}
    for target in state.functions(bench):
        version = function.alias(bench.aws, target).version
        repository, _, digest = function.image_uri(bench.aws, target, version).partition("@")
        commit = function.commit(bench.aws, replace(target, version=version))
        found[target.image] = Live(version, commit, PublishedImage(target.image, repository, digest))
    return found


def _change(bench: Workbench, image: PublishedImage, seen: Candidate, live: Live | None) -> Change:
    if live is None:
        return Change(image, None, _layers(seen), {}, None)
    try:
        before = _layers(registry.look(bench.aws, live.image, registry.login(bench.aws)))
    except BuildError:  # it is gone from the registry: all of the new one will be fetched
        before = {}
    commits = source.between(bench.settings.root, live.commit.removesuffix("-dirty"), "HEAD", bench.shell)
    return Change(image, live, _layers(seen), before, commits)


def _layers(seen: Candidate) -> dict[str, int]:
    return {layer["digest"]: layer["size"] for layer in seen.document["layers"]}


def _fetched(layers: dict[str, int]) -> str:
    return f"{sum(layers.values()) / 1e6:.1f} MB to fetch"


def _told(commits: tuple[str, ...] | None) -> tuple[str, ...]:
    if commits is None:
        return ("commits: the one that is live is not known here; `git fetch`",)
    return tuple(f"commit {line}" for line in commits) or ("commits: none that is not live already",)
