"""How a version becomes live, for a deploy and a rollback alike.

    its stream verified --> tagged `release-<version>` --> (canary) --> alias `live` moves --> URL open --> event

The release tag comes first: retention keeps what it names, so it must never lag behind what serves. The event comes
last: it tells what has happened.
"""

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime

from delivery import clock
from delivery.aws import ecr, function, function_url
from delivery.aws.function import Alias, Function
from delivery.context import RunContext
from delivery.errors import UnhealthyError
from delivery.progress import UNCHANGED
from delivery.release import alias, canary, history, records, verify
from delivery.release.canary import AliasMove, Step


@dataclass(frozen=True)
class Verified:
    """A version whose stream was verified, with the digest of its image and its commit."""

    image: str
    version: str
    digest: str
    commit: str


@dataclass(frozen=True)
class Release:
    """A version that was verified and made live."""

    environment: str
    image: str
    version: str
    digest: str
    url: str
    public: bool
    verified_at: datetime


def verify_version(run: RunContext, target: Function) -> Verified:
    """Verify one version's stream: it has to name the commit it was deployed as.

    Raises UnhealthyError; the alias has not moved then.
    """
    with run.progress.stage("verify", interrupted=UNCHANGED) as stage:
        stage.update(f"waiting for version {target.version}")
        function.wait_active(run.aws, target)
        stage.update(f"opening the stream of version {target.version}")
        commit = function.read_commit(run.aws, target)
        try:
            health = verify.verify(run.aws, target, commit, run.settings.deadlines)
        except UnhealthyError as error:
            error.why = f"{error.why}\nThe alias {target.alias} was not moved.".strip()
            raise
        stage.done(f"{target.image} version {target.version}: {health.words()}")
    return Verified(target.image, target.version, target.digest, commit)


def end_canary(run: RunContext, target: Function, seen: Alias) -> Alias:
    """The alias with nothing left of a canary that was cut off, or is somebody's, who is then told.

    Raises RefusedError when somebody else moved it meanwhile, or CloudError.
    """
    for version, share in seen.weights.items():
        shared = replace(target, version=version, image_uri=function.read_image_uri(run.aws, target, version))
        seen = canary.return_requests(run, shared, seen)
        had = f"version {version} still had {share * 100:.4g}% of the requests"
        run.progress.detail(f"alias {target.alias}: {had}; all go to version {seen.version} again")
    return seen


def make_live(run: RunContext, moves: tuple[AliasMove, ...], steps: tuple[Step, ...] = ()) -> tuple[Release, ...]:
    """Make verified versions live, in steps if there are any. Raises RefusedError, UnhealthyError or CloudError."""
    for move in moves:
        ecr.tag_release(run.aws, move.image, move.target.version)
    with canary.shifted(run, moves, steps) if steps else contextlib.nullcontext(moves) as left:
        return tuple(_made_live(run, move) for move in left)


def _made_live(run: RunContext, move: AliasMove) -> Release:
    target, seen = move.target, move.seen
    shown_by = run.settings.environment.command("releases")
    left = f"the alias may or may not have moved: `{shown_by}` shows it"
    with run.progress.stage("release", interrupted=left, after="the release is complete") as stage:
        moves = seen.version != target.version
        _catch_up(run, move, who=records.UNKNOWN if moves else run.aws.caller())
        if moves:
            alias.move(run.aws, target, seen)
            kind = records.ROLLBACK if move.back else records.LIVE
            _record(run, move, records.tag_name(kind, target.version, seen.version, run.aws.caller()))
        public = function_url.apply_access(run.aws, target)
        moved = f"{seen.version} -> {target.version}" if moves else target.version
        stage.done(f"alias {target.alias}: version {moved}, open to {'everyone' if public else 'signed requests'}")
    where = run.settings.environment.name
    return Release(where, target.image, target.version, target.digest, target.stream_url, public, clock.now())


def _catch_up(run: RunContext, move: AliasMove, who: str) -> None:
    """Say what serves already, if the run that made it live was cut off before it said so.

    The next event tells of one such move, not of two in a row. Raises RefusedError when somebody moved the alias.
    """
    before, serving = history.recorded_live_version(run.aws, move.target), move.seen.version
    if before == serving:
        return
    if function.read_alias(run.aws, move.target).revision != move.seen.revision:
        raise alias.moved_by_other(run.aws, move.target, move.seen)
    _record(run, move, records.tag_name(records.kind(serving, before), serving, before, who))


def _record(run: RunContext, move: AliasMove, event: str) -> None:
    ecr.tag(run.aws, move.image, event)  # on what is released: that image is never removed
