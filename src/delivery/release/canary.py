"""Weighted shifting: the new version gets a share of the requests first, and all of them only if it does well.

    10% for 60 s --> 50% for 2 m --> the release
         | an error, a throttle, a stream that is not healthy, an interrupt: the old version gets all of them again

https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html. Every move is guarded by what was seen.
"""

import contextlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from delivery import clock, durations
from delivery.aws import ecr, function
from delivery.aws.function import Alias, Function
from delivery.context import RunContext
from delivery.errors import CloudError, ConfigurationError, DeliveryError, UnhealthyError
from delivery.progress import Stage
from delivery.reference import PushedImage
from delivery.release import alias, metrics, records, verify

_LOOK = 5.0  # seconds between two looks
_STEP = re.compile(r"(\d+(?:\.\d+)?)%/(.+)")


@dataclass(frozen=True)
class Step:
    """A share of the requests, 0 to 1, and for how many seconds."""

    share: float
    seconds: float


@dataclass(frozen=True)
class AliasMove:
    """A version that is to become live, and what the alias was seen to name. `back`: whether it is a rollback."""

    target: Function
    seen: Alias
    back: bool = False

    @property
    def image(self) -> PushedImage:
        """The image that the version runs."""
        return _image(self.target)


def parse_steps(text: str) -> tuple[Step, ...]:
    """The steps in `10%/60s,50%/2m`; none in an empty text. Raises ConfigurationError."""
    parts = [part.strip() for part in text.split(",")] if text else []
    parsed = tuple(step for step in map(_step, parts) if step)
    shares = [0.0, *(step.share for step in parsed), 1.0]
    if len(parsed) < len(parts) or any(share >= next_ for share, next_ in itertools.pairwise(shares)):
        raise ConfigurationError(
            f"Malformed steps of a canary: {text!r}",
            "Each is a share and for how long (s, m or h); the shares grow, above 0% and below 100%.",
            "--canary 10%/5m,50%/10m",
        )
    return parsed


def _step(text: str) -> Step | None:
    """The step in `10%/60s`, None if it is malformed."""
    match = _STEP.fullmatch(text)
    try:
        return Step(round(float(match[1]) / 100, 6), durations.seconds(match[2])) if match else None
    except ValueError:
        return None


@contextlib.contextmanager
def shifted(run: RunContext, moves: tuple[AliasMove, ...], steps: tuple[Step, ...]) -> Iterator[tuple[AliasMove, ...]]:
    """Go through the steps with all versions together; gives the moves that are left to make, to be made inside.

    Raises UnhealthyError when a version does badly, RefusedError when somebody else moves an alias, CloudError.
    Whatever ends it before the last move, the old versions get all requests again.
    """
    served = tuple(move for move in moves if move.seen.version == move.target.version)
    shifting = tuple(move for move in moves if move not in served)
    with _returning(run, shifting):
        with run.progress.stage("canary", interrupted="the old version has all requests again") as stage:
            looks, began = 0, clock.now()
            for step in steps if shifting else ():
                shifting = tuple(replace(one, seen=_share(run, one, step)) for one in shifting)
                looks += _hold(run, shifting, step, began, stage)
            did = f"{', '.join(map(_words, steps))}: {looks} looks, no error, no throttle"
            stage.done(did if shifting else "nothing to shift from: what was verified is what serves")
        yield (*served, *shifting)


def return_requests(run: RunContext, target: Function, seen: Alias) -> Alias:
    """All requests to the old version again, which the alias was `seen` to share with `target`.

    Raises RefusedError when somebody else moved it meanwhile, or CloudError.
    """
    back = alias.move(run.aws, replace(target, version=seen.version), seen)
    with contextlib.suppress(DeliveryError):  # it is done; that it cannot be recorded must not look like a failure
        name = records.tag_name(records.RETURN, back.version, target.version, run.aws.caller())
        ecr.tag(run.aws, _image(target), name)
    return back


def _hold(run: RunContext, moves: tuple[AliasMove, ...], step: Step, began: datetime, stage: Stage) -> int:
    """One step, looked at every few seconds and at its end; returns how many looks."""
    until, looks = clock.monotonic() + step.seconds, 0
    while not looks or clock.monotonic() < until:
        left = max(0.0, until - clock.monotonic())
        versions = ", ".join(f"{move.target.image} version {move.target.version}" for move in moves)
        stage.update(f"{step.share * 100:.4g}% of the requests go to {versions}; {left:.0f} s more")
        clock.pause(min(_LOOK, left))
        for move in moves:
            _look(run, move, step, began)
        looks += 1
    return looks


def _look(run: RunContext, move: AliasMove, step: Step, began: datetime) -> None:
    target = move.target
    if function.read_alias(run.aws, target).revision != move.seen.revision:
        raise alias.moved_by_other(run.aws, target, move.seen)
    if found := metrics.failures(run.aws, target, began):
        counts = ", ".join(f"{count} {name}" for name, count in found.items())
        what = f"Version {target.version} of {target.name} fails with {step.share * 100:.4g}% of the requests: {counts}"
        raise UnhealthyError(what, "", "read its log, correct the function, then deploy again")
    verify.verify(run.aws, target, function.read_commit(run.aws, target), run.settings.deadlines)


@contextlib.contextmanager
def _returning(run: RunContext, moves: tuple[AliasMove, ...]) -> Iterator[None]:
    """Whatever ends it early, a signal too: the old versions get all requests again."""
    try:
        yield
    except BaseException as error:
        told = [_returned(run, move) for move in moves]
        if failed := next((one for one in told if isinstance(one, DeliveryError)), None):
            raise failed from error
        words = "\n".join(map(str, told))
        if isinstance(error, DeliveryError):
            error.why = f"{error.why}\n{words}".strip()
        else:
            run.progress.detail(words)
        raise


def _returned(run: RunContext, move: AliasMove) -> str | DeliveryError:
    target = move.target
    try:
        seen = function.read_alias(run.aws, target)
        if target.version in seen.weights:  # else it was moved, by us or by somebody else, who has the last word
            seen = return_requests(run, target, seen)
    except DeliveryError as error:
        what = f"The alias {target.alias} of {target.name} may still share its requests with version {target.version}."
        return CloudError(what, str(error), f"{run.settings.environment.command('rollback')}, which returns them")
    return f"The alias {target.alias} names version {seen.version} alone."


def _share(run: RunContext, move: AliasMove, step: Step) -> Alias:
    return alias.share(run.aws, move.target, move.seen, step.share)


def _words(step: Step) -> str:
    return f"{step.share * 100:.4g}% for {step.seconds:.4g} s"


def _image(target: Function) -> PushedImage:
    repository, _, digest = target.image_uri.partition("@")
    return PushedImage(target.image, repository, digest)
