"""How a version becomes live, for a deploy and for a rollback.

    verified --> tag `release-<version>` --> (canary) --> alias `live` moves --> URL opened --> release record
                                                                   ^               | fails
                                                                   +-- returns ----+

The release tag comes first: retention protects the image that it names, so the tag must exist before the version
serves. The release record comes last, because it says what has happened.

Several functions go through each step at the same time. No alias moves before all versions were verified and all
images have their tags. If the release of one function fails, that function gets its earlier version back, the releases
that have begun end, no other begins, and the error names the outcome of each function.
"""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from delivery import clock
from delivery.aws import answers, ecr, function, function_url
from delivery.aws.function import Alias, Function, Version
from delivery.context import RunContext
from delivery.errors import CloudError, DeliveryError, UnhealthyError
from delivery.health import Contract, Uncalled
from delivery.process import parallel
from delivery.progress import UNCHANGED, Update
from delivery.release import alias, canary, contracts, failure_log, history, records, url, verify
from delivery.release.canary import AliasMove, Step
from delivery.release.stream import Streamed
from delivery.release.verify import Answered, Health


@dataclass(frozen=True)
class Release:
    """A version that was verified by its contract and made live.

    `url`: its Function URL, empty without one. `public`: whether everyone may call that. `commit`: what it was made of.
    """

    environment: str
    image: str
    version: str
    digest: str
    url: str
    public: bool
    verified_at: datetime
    contract: Contract
    commit: str = ""


def verify_version(run: RunContext, deployed: Version) -> None:
    """Wait until a version is ready, and verify it by the health contract of its image.

    The alias is not moved. Raises UnhealthyError, CloudError, or BuildError when the image is gone from the registry.
    """
    with failure_log.shown(run, deployed), run.progress.stage("verify", interrupted=UNCHANGED) as stage:
        stage.update(f"waiting for {deployed.image} version {deployed.version}")
        try:
            contract = contracts.read(run.aws, deployed)
            uncalled = contract.deadline if isinstance(contract, Uncalled) else None
            function.wait_active(run.aws, deployed, answers.event(contract), uncalled)
            stage.update(f"calling {deployed.image} version {deployed.version}")
            health = verify.verify(run.aws, deployed, contract, run.settings.deadlines)
        except UnhealthyError as error:
            error.why = f"{error.why}\nThe alias {deployed.alias} of {deployed.name} was not moved.".strip()
            raise
        if isinstance(health, Uncalled):
            stage.warn(f"{deployed.image} version {deployed.version} was not called: {health.reason}")
        stage.done(f"{deployed.image} version {deployed.version}: {_result(health)}")


def _result(health: Health) -> str:
    match health:
        case Streamed():
            return f"{health.events} events, first after {health.first_event * 1000:.0f} ms"
        case Answered():
            return f"{health.request} answered after {health.seconds * 1000:.0f} ms"
        case Uncalled():
            return f"active, NOT called: {health.reason}"


def verify_newest(run: RunContext, functions: tuple[Function, ...]) -> tuple[Version, ...]:
    """Verify the newest version of each function, and return them. Raises UnhealthyError or CloudError."""

    def verified(deployed: Function) -> Version:
        version = function.newest_version(run.aws, deployed)
        verify_version(run, version)
        return version

    return parallel.map(run.shell, verified, functions)


def end_canary(run: RunContext, deployed: Function, before: Alias) -> Alias:
    """End a canary that an earlier run left, and return the alias. Without one, nothing changes.

    Raises RefusedError when somebody else moved the alias, or CloudError.
    """
    if not before.weights:
        return before
    left = f"the alias may still share its requests: `{run.settings.environment.command('releases')}` shows it"
    with run.progress.stage("end canary", interrupted=left, after="the old version has all requests again") as stage:
        after = before
        for version in before.weights:
            after = canary.return_requests(run, function.read_version(run.aws, deployed, version), after)
        shares = ", ".join(f"version {version} had {share * 100:.4g}%" for version, share in before.weights.items())
        stage.done(f"{deployed.image} alias {deployed.alias}: {shares}; version {after.version} has all requests again")
    return after


def make_live(run: RunContext, moves: tuple[AliasMove, ...], steps: tuple[Step, ...] = ()) -> tuple[Release, ...]:
    """Make verified versions live. `steps`: the steps of a canary; without steps the alias moves at once.

    Raises RefusedError, UnhealthyError or CloudError.
    """
    recorded = dict(parallel.map(run.shell, functools.partial(_tag_release, run), moves))
    with canary.shifted(run, moves, steps) if steps else contextlib.nullcontext(moves) as remaining:
        return _release_all(run, remaining, recorded)


def _tag_release(run: RunContext, move: AliasMove) -> tuple[str, str]:
    """Tag the image of a version; return its name, and the version that the newest release record made live."""
    image, version = move.function.pushed_image, move.function.version
    tags = ecr.tags(run.aws, image.repository_name)
    if ecr.release_tags(tags).get(version) != image.digest:
        ecr.tag_release(run.aws, image, version)
    return image.name, records.latest(tags)


def _release_all(run: RunContext, moves: tuple[AliasMove, ...], recorded: Mapping[str, str]) -> tuple[Release, ...]:
    outcomes: dict[str, Release | DeliveryError] = {}

    def release(move: AliasMove) -> Release:
        image = move.function.image
        try:
            outcomes[image] = released = _make_live(run, move, recorded[image])
        except DeliveryError as error:
            outcomes[image] = error
            raise
        return released

    try:
        return parallel.map(run.shell, release, moves)
    except DeliveryError as error:
        if len(moves) > 1:
            error.why = "\n".join(filter(None, (error.why, *_outcome_lines(moves, outcomes, error))))
        raise


def _outcome_lines(
    moves: tuple[AliasMove, ...], outcomes: Mapping[str, Release | DeliveryError], first: DeliveryError
) -> Iterator[str]:
    """A line about each function but the first one that failed."""
    for move in moves:
        outcome = outcomes.get(move.function.image)
        version = f"{move.function.image} version {move.function.version}"
        if outcome is None:
            yield f"{version} was not released: version {move.before.version} still serves."
        elif isinstance(outcome, Release):
            yield f"{version} is live."
        elif outcome is not first:
            yield f"{version} failed, too: {' '.join((outcome.what, *outcome.why.splitlines()))}"


def _make_live(run: RunContext, move: AliasMove, recorded: str) -> Release:
    """Make one version live. `recorded`: the version that the newest release record made live before."""
    deployed, before = move.function, move.before
    left = f"the alias may or may not have moved: `{run.settings.environment.command('releases')}` shows it"
    with run.progress.stage("release", interrupted=left, after="the release is complete") as stage:
        if recorded != before.version:
            _record_earlier_move(run, move, who=records.UNKNOWN if move.changes else run.aws.caller())
        after = alias.move(run.aws, deployed, before) if move.changes else before
        with failure_log.shown(run, deployed), _returning_on_failure(run, move, after):
            contract = contracts.read(run.aws, deployed)
            public = _open_url(run, deployed, contract, stage.update)
        if move.changes:
            kind = records.ROLLBACK if move.back else records.LIVE
            _record(run, move, records.tag_name(kind, deployed.version, before.version, run.aws.caller()))
        version = f"{before.version} -> {deployed.version}" if move.changes else deployed.version
        stage.done(f"{deployed.image} alias {deployed.alias}: version {version}, {_access(deployed, public)}")
    name, image = run.settings.environment.name, deployed.pushed_image
    return Release(
        *(name, image.name, deployed.version, image.digest, deployed.url),
        *(public, clock.now(), contract, deployed.commit),
    )


def _access(deployed: Version, public: bool) -> str:
    if not deployed.url:
        return "no URL"
    return f"open to {'everyone' if public else 'signed requests'}"


def _open_url(run: RunContext, deployed: Version, contract: Contract, update: Update) -> bool:
    """Set who may call the URL and open it, if the function has one; return whether everyone may call it."""
    if not deployed.url:
        return False
    update(f"opening the URL of {deployed.image}")
    public = function_url.apply_access(run.aws, deployed)
    url.require_open(run, deployed, contract, public)
    return public


@contextlib.contextmanager
def _returning_on_failure(run: RunContext, move: AliasMove, after: Alias) -> Iterator[None]:
    """If the URL does not serve the version, the version before gets the requests again. `after`: the moved alias."""
    deployed, before = move.function, move.before
    try:
        yield
    except DeliveryError as error:
        name = f"The alias {deployed.alias} of {deployed.name}"
        text = f"{name} names version {deployed.version}, which was verified; it was not moved."
        if move.changes:
            try:
                canary.return_requests(run, deployed, replace(after, version=before.version))
            except DeliveryError as failure:
                what = f"{name} still names version {deployed.version}, whose URL does not answer."
                hint = run.settings.environment.command("rollback", "--to", before.version)
                raise CloudError(what, f"{error}\n{failure}", hint) from error
            text = f"{name} names version {before.version} again."
        error.why = f"{error.why}\n{text}".strip()
        raise


def _record_earlier_move(run: RunContext, move: AliasMove, who: str) -> None:
    """Write the record of the live version, if the run that made it live was cut off before.

    Otherwise the next record would stand for two moves. Raises RefusedError when somebody moved the alias.
    """
    if function.read_alias(run.aws, move.function).revision != move.before.revision:
        raise alias.moved_by_other(run.aws, move.function, move.before)
    recorded, serving = history.recorded_live_version(run.aws, move.function), move.before.version
    if recorded == serving:  # that run has written it meanwhile
        return
    _record(run, move, records.tag_name(records.kind(serving, recorded), serving, recorded, who))


def _record(run: RunContext, move: AliasMove, tag: str) -> None:
    ecr.tag(run.aws, move.function.pushed_image, tag)  # the image of a release is never removed
