"""The story of a promotion: what is live and verified in one environment, byte for byte in another. No build.

    source: alias `live` -> version -> its digest, a release tag says it was verified --+
    target: protected? the commit is everyone's; its tag is free; not live already -----+-> blobs -> manifest
                                                                                                       |
                                  `deploy` of the target finds it <-- tags <-- the same bytes read back +

Every step looks at what exists first, so a promotion that was cut off anywhere is completed by the next one.
"""

from dataclasses import dataclass

from delivery import git
from delivery.aws import distribution, ecr, function, transfer
from delivery.aws.distribution import Repository
from delivery.aws.function import Function
from delivery.context import RunContext
from delivery.errors import BuildError, ConfigurationError, RefusedError
from delivery.image import bake
from delivery.process import parallel
from delivery.progress import UNCHANGED
from delivery.reference import Image, PushedImage
from delivery.release import history
from delivery.terraform import state


@dataclass(frozen=True)
class Promotion:
    """One image on its way: where it is, where it goes, and what it was built from."""

    commit: str
    version: str
    image: PushedImage
    goal: PushedImage
    live: bool
    """Whether the target already serves it."""


def prepare(origin: RunContext, target: RunContext, commit: str | None) -> tuple[Promotion, ...]:
    """What there is to promote, after everything that can be refused; reads only.

    `commit`: what has to be live in the source, all 40 digits or the first of them. Raises ConfigurationError,
    RefusedError, BuildError or CloudError.
    """
    if origin.settings.environment == target.settings.environment:
        raise ConfigurationError("--from and --to name the same environment.", "", "--to with another one")
    found, serving = parallel.both(origin.shell, lambda: _deployed(origin), lambda: _serving(target))
    with target.progress.stage("guards", interrupted=UNCHANGED) as stage:
        chosen = [_chosen(origin, one, commit) for one in found]
        promotions = tuple(_planned(target, entry, image, serving) for entry, image in chosen)
        _require_allowed(target, promotions)
        versions = (f"{each.image.name} version {each.version} ({each.image.short})" for each in promotions)
        stage.done(f"live and verified: {', '.join(versions)}")
    return promotions


def promote(origin: RunContext, target: RunContext, promotions: tuple[Promotion, ...]) -> None:
    """Copy each image, compare it, and tag it with its commit and `latest`.

    Raises RefusedError when anything differs, CloudError when a registry refuses or cannot be reached.
    """
    for promotion in promotions:
        left = "the copied parts stay in the registry; no function runs them"
        after = "the image was copied; no function runs it"
        with target.progress.stage("copy", interrupted=left, after=after) as stage:
            reading = Repository(ecr.authorize(origin.aws), promotion.image.repository_name)
            manifest = reading.manifest(promotion.image.digest, distribution.MANIFEST_TYPES)
            if manifest is None or manifest.digest != promotion.image.digest:
                raise BuildError(f"{promotion.image.uri} is gone from the registry.", "", "the same command again")
            writing = Repository(ecr.authorize(target.aws), promotion.goal.repository_name)
            copied = transfer.copy(reading, writing, manifest, stage.update)
            ecr.claim(target.aws, promotion.goal, promotion.commit)
            ecr.tag(target.aws, promotion.goal, "latest")
            stage.done(f"{promotion.goal.uri.partition('/')[2]} ({copied.words()})")


def _deployed(run: RunContext) -> tuple[Function, ...]:
    return state.require_functions(run)


def _serving(run: RunContext) -> dict[str, str]:
    """The digest that is live, by image; nothing where nothing was deployed yet."""
    found = {one: function.read_alias(run.aws, one).version for one in state.functions(run)}
    return {one.image: function.read_image_uri(run.aws, one, version) for one, version in found.items()}


def _chosen(run: RunContext, target: Function, commit: str | None) -> tuple[history.HistoryEntry, PushedImage]:
    entry, image = history.verified_live(run.aws, target)
    where = run.settings.environment.name
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
            f"git commit, then `{run.settings.environment.command('deploy')}`",
        )
    return entry, image


def _planned(run: RunContext, entry: history.HistoryEntry, image: PushedImage, serving: dict[str, str]) -> Promotion:
    goal = PushedImage(image.name, bake.repository(run.settings, image.name), image.digest)
    live = serving.get(image.name, "").partition("@")[2] == image.digest
    return Promotion(entry.commit, entry.version, image, goal, live)


def _require_allowed(run: RunContext, promotions: tuple[Promotion, ...]) -> None:
    settings = run.settings
    goals = tuple(Image(it.goal.name, it.goal.repository, ("latest", it.commit)) for it in promotions)
    ecr.require_repositories(run.aws, goals)
    for promotion in promotions:
        if settings.environment.protected:
            git.require_merged(settings.root, promotion.commit, settings.default_branch, run.shell)
        ecr.require_unclaimed(run.aws, promotion.goal, promotion.commit)
