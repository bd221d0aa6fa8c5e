"""A hold: while it lasts, nothing that changes what serves is begun in an environment; a rollback always works.

It is an object in the state bucket, beside the state. Each environment has exactly this bucket, its versions record who
held and lifted when, and the roles that deploy reach it already. A tag of the function or of the repository would be
drift for Terraform, which owns their tags; a tag of an image has no room for a reason.
A hold is lifted by a new object without a reason: the CI role may delete nothing but the state lock.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from delivery import clock, durations
from delivery.aws import bucket
from delivery.context import RunContext
from delivery.errors import ConfigurationError, RefusedError
from delivery.progress import UNCHANGED

KEY = "service.hold.json"
_LONGEST = 500  # characters of a reason
_EXAMPLE = '--reason "incident 42"'


@dataclass(frozen=True)
class Hold:
    """Why an environment is held, by whom, since when, and until when. Times are ISO 8601; `until` may be empty."""

    reason: str
    who: str
    since: str
    until: str = ""


def parse(reason: str, until: str = "") -> tuple[str, str]:
    """The reason on one line, and the end as ISO 8601 in UTC, empty without one.

    `until`: a time from now such as `4h`, or a date or time such as `2026-12-01T08:00`, in UTC unless it names a zone.
    Raises ConfigurationError without a reason, and for an end that is malformed or past.
    """
    text = " ".join(reason.split())
    if not text or len(text) > _LONGEST or not text.isprintable():
        why = f"It says why nothing may be deployed, in at most {_LONGEST} characters."
        raise ConfigurationError("A hold needs a reason.", why, _EXAMPLE)
    if not until:
        return text, ""
    try:
        end = _moment(until)
    except (ValueError, OverflowError) as error:
        why = "It is a time from now, or a date or a time in UTC."
        hint = "--until 4h, or --until 2026-12-01T08:00"
        raise ConfigurationError(f"Malformed --until: {until!r}", why, hint) from error
    if end <= clock.now():
        raise ConfigurationError(f"--until {until} is past.", f"It is {_iso(end)}.", "--until 4h")
    return text, _iso(end)


def read(run: RunContext) -> Hold | None:
    """The hold of the environment; None without one, and after its end. Raises RefusedError or CloudError."""
    body = bucket.read(run.aws, KEY)
    try:
        hold = Hold(**json.loads(body)) if body else None
        ended = hold and (not hold.reason or (hold.until and datetime.fromisoformat(hold.until) <= clock.now()))
    except (ValueError, TypeError) as error:
        what = f"The hold of {run.settings.environment.name} cannot be read."
        why = f"{KEY} in {run.settings.environment.state_bucket}: {error}"
        raise RefusedError(what, why, run.settings.environment.command("unhold")) from error
    return None if ended else hold


def require_none(run: RunContext) -> None:
    """Raises RefusedError while the environment is held, or CloudError."""
    if hold := read(run):
        raise _held(run, hold, f"{run.settings.environment.command('unhold')}, if the reason is gone; a rollback works")


def place(run: RunContext, reason: str, until: str) -> Hold:
    """Hold the environment. `reason` and `until`: of `parse`.

    Raises RefusedError when it is held already, or its bucket does not exist; CloudError.
    """
    with run.progress.stage("hold", interrupted="the environment may be held: `invoke status` shows it") as stage:
        if before := read(run):
            raise _held(run, before, f"{run.settings.environment.command('unhold')}, then the same command again")
        if not bucket.exists(run.aws):
            what = f"{run.settings.environment.name} has no state bucket, so it cannot be held."
            raise RefusedError(what, UNCHANGED, run.settings.environment.command("bootstrap"))
        hold = Hold(reason, run.aws.caller(), _iso(clock.now()), until)
        bucket.write(run.aws, KEY, json.dumps(asdict(hold)).encode())
        stage.done("deploys and promotions are refused; rollbacks work")
    return hold


def lift(run: RunContext) -> bool:
    """Lift the hold, also one that cannot be read; return whether there was one. Raises CloudError."""
    with run.progress.stage("unhold", interrupted="the environment may be held: `invoke status` shows it") as stage:
        try:
            before = read(run) is not None
        except RefusedError:
            before = True
        if before:
            lifted = Hold("", run.aws.caller(), _iso(clock.now()))
            bucket.write(run.aws, KEY, json.dumps(asdict(lifted)).encode())
        stage.done("deploys and promotions work again" if before else "it was not held")
    return before


def _held(run: RunContext, hold: Hold, hint: str) -> RefusedError:
    end = f"until {hold.until}" if hold.until else "without an end"
    why = f"By {hold.who}, since {hold.since}, {end}: {hold.reason}"
    return RefusedError(f"{run.settings.environment.name} is held.", why, hint)


def _moment(text: str) -> datetime:
    try:
        return clock.now() + timedelta(seconds=durations.seconds(text))
    except ValueError:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
