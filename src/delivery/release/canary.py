"""A canary: the new version gets a share of the requests first, and all requests only if it works.

    10% for 60 s --> 50% for 2 m --> the release
         | an error, a throttle, an alarm, a longer p99, too few requests, an unhealthy version, an interrupt:
           the old version gets all requests again

Every few seconds: failures, alarms and the stream. At the end of each step: the number of requests, and the p99 of each
minute of both versions (judge.py). CloudWatch gets the metrics of Lambda a minute or two late.

https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html. Each move is guarded by the revision that
was read before it.
"""

import contextlib
import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from delivery import clock, durations
from delivery.aws import ecr, function
from delivery.aws.function import Alias, Version
from delivery.context import RunContext
from delivery.errors import CloudError, ConfigurationError, DeliveryError, RefusedError, UnhealthyError
from delivery.process import parallel
from delivery.progress import Stage
from delivery.release import alias, contracts, failure_log, judge, metrics, records, verify
from delivery.settings import FILE

_INTERVAL = 5.0  # seconds between two checks of the new version
_LATE = 180.0  # seconds that a step waits longer for the metrics of its requests
NONE = "none"  # `--canary none`: no canary, although invoke.yaml has steps
_STEP = re.compile(r"(\d+(?:\.\d+)?)%/(.+)")


@dataclass(frozen=True)
class Step:
    """A share of the requests, 0 to 1, for a number of seconds."""

    share: float
    seconds: float


@dataclass(frozen=True)
class AliasMove:
    """A version that is to become live, and the alias as it was read before. `back`: whether this is a rollback."""

    function: Version
    before: Alias
    back: bool = False

    @property
    def changes(self) -> bool:
        """Whether the alias names another version."""
        return self.before.version != self.function.version


def steps(option: str, configured: str) -> tuple[Step, ...]:
    """The steps of a deploy: of `--canary`, or else of invoke.yaml; none for `none`. Raises ConfigurationError."""
    text = option or configured
    return () if text == NONE else parse_steps(text)


def parse_steps(text: str) -> tuple[Step, ...]:
    """The steps in `10%/60s,50%/2m`; none in an empty text. Raises ConfigurationError."""
    parts = [part.strip() for part in text.split(",")] if text else []
    parsed = tuple(step for step in map(_parse_step, parts) if step)
    shares = [0.0, *(step.share for step in parsed), 1.0]
    if len(parsed) < len(parts) or any(share >= following for share, following in itertools.pairwise(shares)):
        raise ConfigurationError(
            f"Malformed steps of a canary: {text!r}",
            "Each step is a share and a time (s, m or h). The shares grow, and are above 0% and below 100%.",
            "--canary 10%/5m,50%/10m",
        )
    return parsed


def _parse_step(text: str) -> Step | None:
    """The step in `10%/60s`; None if it is malformed."""
    match = _STEP.fullmatch(text)
    try:
        return Step(round(float(match[1]) / 100, 6), durations.seconds(match[2])) if match else None
    except ValueError:
        return None


@contextlib.contextmanager
def shifted(run: RunContext, moves: tuple[AliasMove, ...], steps: tuple[Step, ...]) -> Iterator[tuple[AliasMove, ...]]:
    """Go through the steps with all functions together, and give the moves to make inside.

    If anything ends it before the last move, the old versions get all requests again. Raises UnhealthyError when a
    version fails, RefusedError when somebody else moves an alias, CloudError.
    """
    unchanged = tuple(move for move in moves if not move.changes)
    shifting = tuple(move for move in moves if move.changes)
    if shifting and steps:
        _require_alarms(run)
    with _returning_on_failure(run, shifting):
        with run.progress.stage("canary", interrupted="the old version has all requests again") as stage:
            checks, began, compared = 0, clock.now(), tuple[str, ...]()
            for step in steps if shifting else ():
                shifting = parallel.map(run.shell, functools.partial(_share, run, step), shifting)
                checks += _hold(run, shifting, step, began, stage)
                compared = parallel.map(run.shell, functools.partial(_compare, run, step, began), shifting)
            shares = ", ".join(f"{step.share * 100:.4g}% for {step.seconds:.4g} s" for step in steps)
            result = f"{shares}: {checks} checks, no error, no throttle; {'; '.join(compared)}"
            stage.done(result if shifting else "the verified version is live already")
        yield (*unchanged, *shifting)


def return_requests(run: RunContext, deployed: Version, before: Alias) -> Alias:
    """Give all requests to the old version again. `before`: the alias, which shares them with `deployed`.

    Raises RefusedError when somebody else moved the alias, or CloudError.
    """
    after = alias.move(run.aws, replace(deployed, version=before.version), before)
    with contextlib.suppress(DeliveryError):  # the requests are returned: a missing record must not look like a failure
        name = records.tag_name(records.RETURN, after.version, deployed.version, run.aws.caller())
        ecr.tag(run.aws, deployed.pushed_image, name)
    return after


def _hold(run: RunContext, moves: tuple[AliasMove, ...], step: Step, began: datetime, stage: Stage) -> int:
    """Wait for the time of one step, and check every few seconds and at its end; return the number of checks."""
    until, checks = clock.monotonic() + step.seconds, 0
    last = until + _LATE
    while not checks or clock.monotonic() < until or (clock.monotonic() < last and _too_few(run, moves, began)):
        left = max(0.0, until - clock.monotonic())
        versions = ", ".join(f"{move.function.image} version {move.function.version}" for move in moves)
        stage.update(f"{step.share * 100:.4g}% of the requests go to {versions}; {left:.0f} s more")
        clock.pause(min(_INTERVAL, left))
        parallel.map(run.shell, functools.partial(_judge, run, step, began), moves)
        checks += 1
    return checks


def _too_few(run: RunContext, moves: tuple[AliasMove, ...], began: datetime) -> bool:
    least = run.settings.canary.minimum_requests
    return bool(least) and any(metrics.requests(run.aws, move.function, began) < least for move in moves)


def _compare(run: RunContext, step: Step, began: datetime, move: AliasMove) -> str:
    """Judge the metrics of a step at its end; return the comparison for people. Raises UnhealthyError or CloudError."""
    deployed, wanted = move.function, run.settings.canary
    share = f"{step.share * 100:.4g}% of the requests"
    hint = "a longer step, or a smaller canary.minimum_requests in invoke.yaml"
    if wanted.minimum_requests and (had := metrics.requests(run.aws, deployed, began)) < wanted.minimum_requests:
        what = f"Version {deployed.version} of {deployed.name} had {had} requests with {share}: too few to judge it."
        raise UnhealthyError(what, f"canary.minimum_requests is {wanted.minimum_requests}.", hint)
    new, old = metrics.slowest(run.aws, deployed, move.before.version, began)
    result = judge.compare(new, old)
    if result is None:
        return f"{deployed.image} p99 not compared ({min(len(new), len(old))} of {judge.LEAST} minutes)"
    numbers = f"p99 {result.new:.0f} ms, version {move.before.version} {result.old:.0f} ms"
    if result.slower(wanted.slower):
        with failure_log.shown(run, deployed, began):
            what = f"Version {deployed.version} of {deployed.name} is slower with {share}: {numbers}"
            why = f"By chance in {result.chance:.1%} of cases; {wanted.slower:g} times as long is tolerated."
            raise UnhealthyError(what, why, "read its log, correct the function, then deploy again")
    return f"{deployed.image} {numbers}"


def _require_alarms(run: RunContext) -> None:
    """Raises ConfigurationError for an alarm that does not exist, RefusedError for one that rings already."""
    names, name = run.settings.canary.alarms, run.settings.environment.name
    states = metrics.alarms(run.aws, names) if names else {}
    if missing := [each for each in names if each not in states]:
        what = f"CloudWatch has no alarm {', '.join(missing)}."
        raise ConfigurationError(what, f"environments.{name}.canary.alarms names it.", f"correct it in {FILE}")
    if ringing := _ringing(states):
        what = f"The alarm {ringing} is in ALARM before the canary has begun."
        raise RefusedError(what, "No request was shifted.", "end the alarm's cause first, or `--canary none`")


def _ringing(states: Mapping[str, str]) -> str:
    return ", ".join(name for name, state in states.items() if state == "ALARM")


def _judge(run: RunContext, step: Step, began: datetime, move: AliasMove) -> None:
    with failure_log.shown(run, move.function, began):
        _check(run, step, began, move)


def _check(run: RunContext, step: Step, began: datetime, move: AliasMove) -> None:
    deployed = move.function
    if function.read_alias(run.aws, deployed).revision != move.before.revision:
        raise alias.moved_by_other(run.aws, deployed, move.before)
    if failures := metrics.failures(run.aws, deployed, began):
        counts = ", ".join(f"{count} {name}" for name, count in failures.items())
        share = f"{step.share * 100:.4g}% of the requests"
        what = f"Version {deployed.version} of {deployed.name} fails with {share}: {counts}"
        raise UnhealthyError(what, "", "read its log, correct the function, then deploy again")
    names = run.settings.canary.alarms
    if names and (ringing := _ringing(metrics.alarms(run.aws, names))):
        what = f"The alarm {ringing} is in ALARM while version {deployed.version} of {deployed.name} has requests."
        raise UnhealthyError(what, "", "read its log, correct the function, then deploy again")
    verify.verify(run.aws, deployed, contracts.read(run.aws, deployed), run.settings.deadlines)


@contextlib.contextmanager
def _returning_on_failure(run: RunContext, moves: tuple[AliasMove, ...]) -> Iterator[None]:
    """After an error or an interrupt, the old versions get all requests again."""
    try:
        yield
    except BaseException as error:
        results = parallel.map(run.shell.unstopped(), functools.partial(_return, run), moves)
        if failure := next((result for result in results if isinstance(result, DeliveryError)), None):
            raise failure from error
        text = "\n".join(map(str, results))
        if isinstance(error, DeliveryError):
            error.why = f"{error.why}\n{text}".strip()
        else:
            run.progress.detail(text)
        raise


def _return(run: RunContext, move: AliasMove) -> str | DeliveryError:
    """A sentence about the alias, or the error that kept it from being returned."""
    deployed = move.function
    try:
        before = function.read_alias(run.aws, deployed)
        if deployed.version in before.weights:  # otherwise the alias was moved, and that move is the last word
            before = return_requests(run, deployed, before)
    except DeliveryError as error:
        what = f"The alias {deployed.alias} of {deployed.name} may still share its requests with version "
        command = run.settings.environment.command("rollback")
        return CloudError(f"{what}{deployed.version}.", str(error), f"{command}, which returns them")
    return f"The alias {deployed.alias} of {deployed.name} names version {before.version} alone."


def _share(run: RunContext, step: Step, move: AliasMove) -> AliasMove:
    return replace(move, before=alias.share(run.aws, move.function, move.before, step.share))
