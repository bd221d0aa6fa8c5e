"""The story of a promotion: what is live and verified in one environment, byte for byte in another. No build.

    source: alias `live` -> version -> its digest, a release tag says it was verified --+
    target: protected? the commit is everyone's; its tag is free; not live already -----+-> blobs -> manifest
                                                                                                       |
                                  `deploy` of the target finds it <-- tags <-- the same bytes read back +

Every step looks at what exists first, so a promotion that was cut off anywhere is completed by the next one.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from delivery import git
from delivery.aws import distribution, ecr, function, transfer
from delivery.aws.distribution import Repository
from delivery.aws.function import Function
from delivery.context import RunContext
from delivery.errors import BuildError, ConfigurationError, RefusedError, naming
from delivery.image import bake
from delivery.process import parallel
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

    def words(self) -> str:
        """One line for people."""
        return f"{self.image.name} {self.image.short}, commit {self.commit[:12]}"


def prepare(origin: RunContext, target: RunContext, commit: str | None) -> tuple[Promotion, ...]:
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


def promote(origin: RunContext, target: RunContext, promotions: tuple[Promotion, ...]) -> None:
    """Copy each image, compare it, and tag it with its commit and `latest`.

    Raises RefusedError when anything differs, CloudError when a registry refuses or cannot be reached.
    """
    for promotion in promotions:
        with target.progress.stage("copy") as stage:
            with _speaking(origin):
                reading = Repository(ecr.authorize(origin.aws), promotion.image.repository_name)
                manifest = reading.manifest(promotion.image.digest, distribution.MANIFEST_TYPES)
            if manifest is None or manifest.digest != promotion.image.digest:
                raise BuildError(f"{promotion.image.uri} is gone from the registry.", "", "the same command again")
            with _speaking(target):
                writing = Repository(ecr.authorize(target.aws), promotion.goal.repository_name)
                copied = transfer.copy(reading, writing, manifest, stage.update)
                ecr.claim(target.aws, promotion.goal, promotion.commit)
                ecr.tag(target.aws, promotion.goal, "latest")
            stage.done(f"{promotion.goal.uri.partition('/')[2]} ({copied.words()})")
        target.progress.fact("digest", promotion.goal.digest)
        target.progress.fact("tag", promotion.commit)


def _deployed(run: RunContext) -> tuple[Function, ...]:
    with _speaking(run):
        return state.require_functions(run)


def _serving(run: RunContext) -> dict[str, str]:
    """The digest that is live, by image; nothing where nothing was deployed yet."""
    with _speaking(run):
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
            "git commit, then `invoke deploy --env ...`",
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


def _speaking(run: RunContext) -> AbstractContextManager[None]:
    return naming(run.settings.environment.name)
