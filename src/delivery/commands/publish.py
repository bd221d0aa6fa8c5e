"""`invoke publish`: write events to the feed of a function; its open streams get them.

the live version --> its table --> the next free place --> one line for each event, until Ctrl-C with --every
"""

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from delivery import clock, durations
from delivery.aws import feed
from delivery.aws.feed import Message
from delivery.commands import selection
from delivery.context import RunContext
from delivery.errors import ConfigurationError
from delivery.process import parallel
from delivery.terraform import state

_RESERVED = ("hello", "heartbeat", "reset", "unavailable")  # the function sends these itself
_LINE_END = re.compile(r"[\r\n\0]")
_SHORTEST, _LONGEST = 0.1, 86400.0  # seconds
_EXAMPLE = "--data '{\"order\": 7}'"


@dataclass(frozen=True)
class Publication:
    """What to publish. `data`: JSON; empty for the time of each event. `every`: seconds between two; None for one."""

    event: str
    data: str
    every: float | None


def parse(event: str, data: str = "", every: str = "") -> Publication:
    """What the options ask for. Raises ConfigurationError for a malformed one."""
    if not event or _LINE_END.search(event) or not _is_text(event):
        why = "The name of an event is text without CR, LF and NUL: a line end would begin another field."
        raise ConfigurationError(f"Malformed --event: {event!r}", why, "--event order")
    if event in _RESERVED:
        why = f"The function itself sends {', '.join(_RESERVED)}."
        raise ConfigurationError(f"Reserved --event: {event}", why, "--event order")
    _require_json(data)
    if len(event.encode()) + len(data.encode()) > feed.LARGEST:
        why = f"An event has at most {feed.LARGEST:,} bytes, which DynamoDB can store as one item."
        raise ConfigurationError("--data is too large.", why, "publish where the data is, not the data")
    return Publication(event, data, _seconds(every) if every else None)


def publish(run: RunContext, only: tuple[str, ...], wanted: Publication) -> Iterator[tuple[int, Message]]:
    """Write the events, and yield the id of each and what was written: one, or with `every` one after the other.

    `only`: the names of the functions that may be meant. Raises ConfigurationError when none of them has a feed,
    CloudError, UnhealthyError or TerraformError.
    """
    table, last = _table(run, only), None
    while True:
        began = clock.monotonic()
        data = wanted.data or json.dumps({"time": clock.now().isoformat(timespec="milliseconds")})
        message = Message(wanted.event, data)
        last = feed.append(run.aws, table, message, clock.now(), last)
        yield last, message
        if wanted.every is None:
            return
        clock.pause(max(0.0, wanted.every - (clock.monotonic() - began)))


def _table(run: RunContext, only: tuple[str, ...]) -> str:
    functions = selection.functions(state.require_functions(run), only)
    tables = parallel.map(run.shell, functools.partial(feed.table, run.aws), functions)
    if found := next(filter(None, tables), ""):
        return found
    names = ", ".join(function.image for function in functions)
    why = f"The live version of {names} has no variable {feed.VARIABLE}, which names its table of events."
    hint = 'docs/functions.md, "Events", then the same command'
    raise ConfigurationError(f"No function of {run.settings.environment.name} reads events.", why, hint)


def _require_json(data: str) -> None:
    try:
        if data:
            json.loads(data, parse_constant=_refuse_constant)
            data.encode()
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ConfigurationError(f"Malformed --data: {data[:80]!r}", f"It is no JSON: {why}", _EXAMPLE) from error


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no value of JSON")


def _is_text(text: str) -> bool:
    """Whether UTF-8 can write it: an argument of another encoding has characters that it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _seconds(every: str) -> float:
    try:
        seconds = durations.seconds(every)
    except ValueError:
        seconds = 0.0
    if not _SHORTEST <= seconds <= _LONGEST:
        why = "It is a time from 0.1s to 24h, in s, m or h."
        raise ConfigurationError(f"Malformed --every: {every!r}", why, "--every 1s")
    return seconds
