"""How a version becomes live, for a deploy and a rollback alike.

    its stream verified --> tagged `release-<version>` --> (canary) --> alias `live` moves --> URL open --> event

The release tag comes first: retention keeps what it names, so it must never lag behind what serves. The event comes
last: it tells what has happened.
"""

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime

from delivery import canary, clock, events, function, function_url, registry, releases, traffic, verify
from delivery.canary import Move, Step
from delivery.errors import UnhealthyError
from delivery.function import Alias, Function
from delivery.workbench import Workbench


@dataclass(frozen=True)
class Release:
    """A version that was verified and made live."""

    environment: str
    image: str
    version: str
    url: str
    public: bool
    verified_at: datetime


def check(bench: Workbench, target: Function) -> None:
    """Verify one version's stream: it has to name the commit it was deployed as.

    Raises UnhealthyError; the alias has not moved then.
    """
    with bench.progress.stage("verify") as stage:
        stage.say(f"waiting for version {target.version}")
        function.wait_active(bench.aws, target)
        stage.say(f"opening the stream of version {target.version}")
        commit = function.commit(bench.aws, target)
        try:
            health = verify.verify(bench.aws, target, commit, bench.settings.deadlines)
        except UnhealthyError as error:
            error.why = f"{error.why}\nThe alias {target.alias} was not moved.".strip()
            raise
        stage.done(f"{target.image} version {target.version}: {health.words()}")
    bench.progress.fact("digest", target.digest)
    bench.progress.fact("tag", commit)


def settled(bench: Workbench, target: Function, seen: Alias) -> Alias:
    """The alias with nothing left of a canary that was cut off, or is somebody's, who is then told.

    Raises RefusedError when somebody else moved it meanwhile, or CloudError.
    """
    for version, share in seen.weights.items():
        shared = replace(target, version=version, image_uri=function.image_uri(bench.aws, target, version))
        seen = canary.give_up(bench, shared, seen)
        had = f"version {version} still had {share * 100:.4g}% of the requests"
        bench.progress.detail(f"alias {target.alias}: {had}; all go to version {seen.version} again")
    return seen


def release(bench: Workbench, moves: tuple[Move, ...], steps: tuple[Step, ...] = ()) -> tuple[Release, ...]:
    """Make verified versions live, in steps if there are any. Raises RefusedError, UnhealthyError or CloudError."""
    for move in moves:
        registry.tag_release(bench.aws, move.image, move.target.version)
    with canary.shifted(bench, moves, steps) if steps else contextlib.nullcontext(moves) as left:
        return tuple(_made_live(bench, move) for move in left)


def words(released: Release) -> str:
    """A release, and what to type to see it."""
    see = f"curl -N {released.url}" if released.public else f"./dev invoke stream --env {released.environment}"
    return f"{released.image} version {released.version} streams:\n  {see}"


def _made_live(bench: Workbench, move: Move) -> Release:
    target, seen = move.target, move.seen
    with bench.progress.stage("release") as stage:
        moves = seen.version != target.version
        _catch_up(bench, move, who=events.UNKNOWN if moves else bench.aws.caller())
        if moves:
            traffic.move(bench.aws, target, seen)
            kind = events.ROLLBACK if move.back else events.LIVE
            _record(bench, move, events.tag(kind, target.version, seen.version, bench.aws.caller()))
        public = function_url.settle(bench.aws, target)
        moved = f"{seen.version} -> {target.version}" if moves else target.version
        stage.done(f"alias {target.alias}: version {moved}, open to {'everyone' if public else 'signed requests'}")
    where = bench.settings.environment.name
    return Release(where, target.image, target.version, target.stream_url, public, clock.now())


def _catch_up(bench: Workbench, move: Move, who: str) -> None:
    """Say what serves already, if the run that made it live was cut off before it said so.

    The next event tells of one such move, not of two in a row. Raises RefusedError when somebody moved the alias.
    """
    before, serving = releases.recorded(bench.aws, move.target), move.seen.version
    if before == serving:
        return
    if function.alias(bench.aws, move.target).revision != move.seen.revision:
        raise traffic.moved_meanwhile(move.target, move.seen)
    _record(bench, move, events.tag(events.kind(serving, before), serving, before, who))


def _record(bench: Workbench, move: Move, event: str) -> None:
    registry.tag(bench.aws, move.image, event)  # on what is released: that image is never removed
