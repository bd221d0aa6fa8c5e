"""The story of a promotion: what is live and verified in one environment, byte for byte in another. No build.

    source: alias `live` -> version -> its digest, a release tag says it was verified --+
    target: protected? the commit is everyone's; its tag is free; not live already -----+-> blobs -> manifest
                                                                                                       |
                                  `deploy` of the target finds it <-- tags <-- the same bytes read back +

Every step looks at what exists first, so a promotion that was cut off anywhere is completed by the next one.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from delivery import docker, function, gate, parallel, registry, releases, source, state, transfer
from delivery.distribution import Repository
from delivery.errors import BuildError, ConfigurationError, RefusedError, naming
from delivery.function import Function
from delivery.image import Image, PublishedImage
from delivery.workbench import Workbench


@dataclass(frozen=True)
class Promotion:
    """One image on its way: where it is, where it goes, and what it was built from."""

    commit: str
    version: str
    image: PublishedImage
    goal: PublishedImage
    live: bool
    """Whether the target already serves it."""

    def words(self) -> str:
        """One line for people."""
        return f"{self.image.name} {self.image.short}, commit {self.commit[:12]}"


def prepare(origin: Workbench, target: Workbench, commit: str | None) -> tuple[Promotion, ...]:
    """What there is to promote, after everything that can be refused; reads only.

    `commit`: what has to be live in the source, all 40 digits or the first of them. Raises ConfigurationError,
    RefusedError, BuildError or CloudError.
    """
    if origin.settings.environment == target.settings.environment:
        raise ConfigurationError("--from and --to name the same environment.", "", "--to with another one")
    found, serving = parallel.both(origin.shell, lambda: _deployed(origin), lambda: _serving(target))
    with target.progress.stage("guards") as stage:
        with _speaking(origin):
            chosen = [_chosen(origin, one, commit) for one in found]
        with _speaking(target):
            promotions = tuple(_planned(target, entry, image, serving) for entry, image in chosen)
            _require_allowed(target, promotions)
        stage.done("; ".join(f"{it.words()}, version {it.version}, live and verified" for it in promotions))
    return promotions


def promote(origin: Workbench, target: Workbench, promotions: tuple[Promotion, ...]) -> None:
    """Copy each image, compare it, and tag it with its commit and `latest`.

    Raises RefusedError when anything differs, CloudError when a registry refuses or cannot be reached.
    """
    for promotion in promotions:
        with target.progress.stage("copy") as stage:
            with _speaking(origin):
                reading = Repository(registry.login(origin.aws), promotion.image.repository_name)
                manifest = reading.manifest(promotion.image.digest, gate.MANIFESTS)
            if manifest is None or manifest.digest != promotion.image.digest:
                raise BuildError(f"{promotion.image.uri} is gone from the registry.", "", "the same command again")
            with _speaking(target):
                writing = Repository(registry.login(target.aws), promotion.goal.repository_name)
                copied = transfer.copy(reading, writing, manifest, stage.say)
                registry.claim(target.aws, promotion.goal, promotion.commit)
                registry.tag(target.aws, promotion.goal, "latest")
            stage.done(f"{promotion.goal.uri.partition('/')[2]} ({copied.words()})")
        target.progress.fact("digest", promotion.goal.digest)
        target.progress.fact("tag", promotion.commit)


def _deployed(bench: Workbench) -> tuple[Function, ...]:
    with _speaking(bench):
        return state.current(bench)


def _serving(bench: Workbench) -> dict[str, str]:
    """The digest that is live, by image; nothing where nothing was deployed yet."""
    with _speaking(bench):
        found = {one: function.alias(bench.aws, one).version for one in state.functions(bench)}
        return {one.image: function.image_uri(bench.aws, one, version) for one, version in found.items()}


def _chosen(bench: Workbench, target: Function, commit: str | None) -> tuple[releases.Entry, PublishedImage]:
    entry, image = releases.verified(bench.aws, target)
    where = bench.settings.environment.name
    if commit and not entry.commit.startswith(commit):
        raise RefusedError(
            f"Commit {commit} is not live in {where}.",
            f"Version {entry.version} of {target.name} is, of commit {entry.commit}.",
            f"deploy {commit} to {where} first, or leave --commit out",
        )
    if entry.commit.endswith("-dirty"):
        raise RefusedError(
            f"What is live in {where} was built from a work tree with changes: {entry.commit}.",
            "No commit tells what is in it.",
            "git commit, then `invoke deploy --env ...`",
        )
    return entry, image


def _planned(bench: Workbench, entry: releases.Entry, image: PublishedImage, serving: dict[str, str]) -> Promotion:
    goal = PublishedImage(image.name, docker.repository(bench.settings, image.name), image.digest)
    live = serving.get(image.name, "").partition("@")[2] == image.digest
    return Promotion(entry.commit, entry.version, image, goal, live)


def _require_allowed(bench: Workbench, promotions: tuple[Promotion, ...]) -> None:
    settings = bench.settings
    goals = tuple(Image(it.goal.name, it.goal.repository, ("latest", it.commit)) for it in promotions)
    registry.require_repositories(bench.aws, goals)
    for promotion in promotions:
        if settings.environment.protected:
            source.require_merged(settings.root, promotion.commit, settings.default_branch, bench.shell)
        registry.require_unclaimed(bench.aws, promotion.goal, promotion.commit)


def _speaking(bench: Workbench) -> AbstractContextManager[None]:
    return naming(bench.settings.environment.name)
