"""`invoke promote`: copy the live, verified image of one environment to another, byte for byte. No build.

    source: alias `live` -> version -> digest; its tags say that it was verified and accepted -+
    source: the scan of the digest, if the destination asks for it ----------------------------+
    destination: the commit is merged if it is protected; the tag of the commit is free;       |
                 what is signed beside the image is what it requires --------------------------+-> blobs -> manifest
                                                                                                               |
    `deploy` of the destination uses it <-- tags <-- required again <-- attestations <-- the same bytes <------+

Each step reads first what exists, so the next promotion completes an interrupted one. The tags come last: an image
whose attestations are not there yet has no tag.
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from delivery import git
from delivery.aws import distribution, ecr, function, referrers, transfer
from delivery.aws.distribution import Repository
from delivery.aws.function import Function, Version
from delivery.aws.referrers import Referrer
from delivery.commands import bootstrap
from delivery.context import RunContext
from delivery.errors import BuildError, ConfigurationError, RefusedError
from delivery.image import trust, vulnerabilities
from delivery.image.trust import Attestation
from delivery.image.vulnerabilities import Scanned
from delivery.process import parallel
from delivery.progress import UNCHANGED
from delivery.reference import PushedImage
from delivery.release import acceptance, history, hold
from delivery.terraform import state


@dataclass(frozen=True)
class Promotion:
    """One image to copy, with its commit, and the version that runs it in the source.

    `live`: whether the destination already serves the image, and has the tag of the commit: without the tag, its next
    deploy would build the image again. `attestations`: what was read beside the image, and is about it. `scanned`: what
    the source's ECR knows of the image; None if it is live.
    """

    commit: str
    version: str
    image: PushedImage
    copy: PushedImage
    live: bool
    attestations: tuple[Attestation, ...] = ()
    scanned: Scanned | None = None


def require_options(source: str | None, destination: str | None, commit: str | None) -> None:
    """Raises ConfigurationError for options that are wrong whatever the environments hold."""
    for name, value in (("--from", source), ("--to", destination)):
        if not value:
            raise ConfigurationError(f"A promotion needs {name}.", "It is the name of an environment.", f"{name} NAME")
    if source == destination:
        raise ConfigurationError("--from and --to name the same environment.", "", "--to with another one")
    if commit and not re.fullmatch("[0-9a-f]{1,40}(-dirty)?", commit):
        what = f"Malformed --commit: {commit!r}"
        raise ConfigurationError(
            what, "It is the digits of a commit, all 40 or the first of them.", "--commit 1a2b3c4d"
        )


def prepare(source: RunContext, destination: RunContext, commit: str | None) -> tuple[Promotion, ...]:
    """Choose the images, and refuse everything that can be refused; change nothing.

    `commit`: the commit that must be live in the source, all 40 digits or the first of them. Raises RefusedError,
    BuildError or CloudError.
    """
    functions, serving = parallel.both(
        source.shell, lambda: state.require_functions(source), lambda: _live_digests(destination)
    )
    with destination.progress.stage("guards", interrupted=UNCHANGED) as stage:
        chosen = parallel.map(source.shell, functools.partial(_choose, source, destination, commit), functions)
        _require_allowed(destination, chosen)
        promotion = functools.partial(_promotion, source, destination, serving)
        promotions = parallel.map(destination.shell, promotion, chosen)
        versions = (f"{each.image.name} version {each.version} ({each.image.short_digest})" for each in promotions)
        stage.done(f"live and verified: {', '.join(versions)}")
    new = [each.image for each in promotions if not each.live]
    scanned = {each.image: each for each in vulnerabilities.check(destination, source.aws, new)} if new else {}
    return tuple(replace(each, scanned=scanned.get(each.image)) for each in promotions)


def promote(source: RunContext, destination: RunContext, promotions: tuple[Promotion, ...]) -> None:
    """Copy each image, compare the digest, and tag the copy with its commit and `latest`.

    Raises RefusedError when anything differs, CloudError when a registry refuses or cannot be reached.
    """
    parallel.map(destination.shell, functools.partial(_copy, source, destination), promotions)


def _copy(source: RunContext, destination: RunContext, promotion: Promotion) -> None:
    left = "the copied blobs stay in the registry; no function runs them"
    after = "the image was copied; no function runs it"
    with destination.progress.stage("copy", interrupted=left, after=after) as stage:
        reading = Repository(ecr.authorize(source.aws), promotion.image.repository_name)
        manifest = reading.manifest(promotion.image.digest, distribution.MANIFEST_TYPES)
        if manifest is None or manifest.digest != promotion.image.digest:
            raise BuildError(f"{promotion.image.uri} is gone from the registry.", "", "the same command again")
        writing = Repository(ecr.authorize(destination.aws), promotion.copy.repository_name)
        copied = transfer.copy(reading, writing, manifest, stage.update)
        attested = _copy_attestations(source, destination, promotion)
        ecr.claim(destination.aws, promotion.copy, promotion.commit)
        ecr.tag(destination.aws, promotion.copy, "latest")
        stage.done(f"{promotion.copy.repository_name}@{promotion.copy.digest} ({copied}){attested}")


def _copy_attestations(source: RunContext, destination: RunContext, promotion: Promotion) -> str:
    """Copy what is attached, and require it again of the copies; return their number, for people."""
    reading = Repository(ecr.authorize(source.aws), promotion.image.repository_name)
    writing = Repository(ecr.authorize(destination.aws), promotion.copy.repository_name)
    manifests = [each.manifest for each in promotion.attestations if each.manifest]
    copy = functools.partial(referrers.copy, reading, writing, promotion.copy)
    parallel.map(destination.shell, copy, manifests)
    # By digest: the list of a registry may be behind.
    known = [Referrer(each.digest) for each in manifests]
    copies = trust.read_known(destination.shell, destination.aws, promotion.copy, known)
    trust.require_fitting(destination, promotion.copy, promotion.commit, copies, source.aws)
    return f", {len(manifests)} attestations" if manifests else ""


def _live_digests(run: RunContext) -> dict[str, str]:
    """Image name to the digest that is live; empty before the first deploy."""

    def digest(deployed: Function) -> str:
        alias = function.find_alias(run.aws, deployed)
        return function.read_version(run.aws, deployed, alias.version).digest if alias else ""

    functions = state.functions(run)
    digests = zip(functions, parallel.map(run.shell, digest, functions), strict=True)
    return {deployed.image: digest for deployed, digest in digests if digest}


def _choose(run: RunContext, destination: RunContext, commit: str | None, deployed: Function) -> Version:
    """The live version, with the commit that is promoted. `commit`: how that must begin.

    Raises RefusedError when the destination requires an acceptance that the image does not have.
    """
    version = history.verified_live(run, deployed)
    tags = ecr.image_tags(run.aws, version.pushed_image)
    chosen = _commit(run, version, tags, commit)
    if destination.settings.requires_acceptance:
        acceptance.require(run.settings.environment, destination.settings.environment, version, tags)
    return replace(version, commit=chosen)


def _commit(run: RunContext, version: Version, tags: Iterable[str], commit: str | None) -> str:
    """The commit that is promoted: of those that have the image, a clean one. `tags`: those of the image.

    A commit that does not touch the image makes no version. It tags the image, which has the tags of several commits.
    Of these, the commit that is checked out comes first, then that of the version. `commit`: how it must begin.
    """
    name, order = run.settings.environment.name, {run.commit.tag: 0, version.commit: 1}
    known = {version.commit, *ecr.commits(tags)}
    ordered = sorted(known, key=lambda each: (each.endswith("-dirty"), order.get(each, 2), each))
    chosen = next((each for each in ordered if each.startswith(commit or "")), None)
    if chosen is None:
        raise RefusedError(
            f"Commit {commit} is not live in {name}.",
            f"Version {version.version} of {version.name} is live, of commit {version.commit}.",
            f"deploy {commit} to {name} first, or leave --commit out",
        )
    if chosen.endswith("-dirty"):
        raise RefusedError(
            f"The live image in {name} was built from a work tree with changes: {chosen}.",
            "No commit has the same content.",
            f"git commit, then `{run.settings.environment.command('deploy')}`",
        )
    return chosen


def _require_allowed(run: RunContext, versions: tuple[Version, ...]) -> None:
    settings = run.settings
    hold.require_none(run)
    vulnerabilities.require_readable(run)
    bootstrap.require(run, tuple(version.image for version in versions))
    if settings.environment.protected:
        for commit in dict.fromkeys(version.commit for version in versions):
            git.require_merged(settings.root, commit, settings.default_branch, run.shell)


def _promotion(source: RunContext, run: RunContext, serving: dict[str, str], version: Version) -> Promotion:
    """The copy of a version. Raises RefusedError when another image of the destination has the tag of its commit, or
    when the image has not what the destination requires.
    """
    image = version.pushed_image
    copy = PushedImage(image.name, run.settings.environment.repository(image.name), image.digest)
    tagged = ecr.require_unclaimed(run.aws, copy, version.commit)
    live = tagged and serving.get(image.name) == image.digest
    if live and not trust.required(run):
        return Promotion(version.commit, version.version, image, copy, live)
    attestations = trust.read(source.shell, source.aws, image, version.commit)
    trust.require_fitting(run, image, version.commit, attestations, source.aws)
    live = live and trust.holds(run, copy, version.commit)
    return Promotion(version.commit, version.version, image, copy, live, _about(image, attestations))


def _about(image: PushedImage, attestations: Iterable[Attestation]) -> tuple[Attestation, ...]:
    """Those that are about the image. What is malformed, or was moved here, is not copied."""
    return tuple(each for each in attestations if each.statement and each.statement.digest == image.digest)
