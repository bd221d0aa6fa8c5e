"""`invoke logs`: the lines that functions wrote, in the order of their times.

--since 10m --> FilterLogEvents of each function, beside each other --> sorted by time
--follow    --> every few seconds again; an entry that comes late is printed late, and none is printed twice
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from delivery import clock, durations
from delivery.aws import logs
from delivery.aws.function import Function
from delivery.aws.logs import LogLine
from delivery.context import RunContext
from delivery.errors import ConfigurationError
from delivery.process import parallel

_PAUSE = 2.0  # seconds between two reads; AWS allows five reads a second in an account and region
_LATE = timedelta(seconds=30)  # how late an entry may reach CloudWatch
_YEAR = 366 * 86400.0  # seconds


@dataclass(frozen=True)
class Query:
    """What to read. `since`: seconds before now. `version`: a number or `$LATEST`; empty for all versions."""

    since: float
    version: str = ""
    follow: bool = False


def parse(since: str, version: str = "", follow: bool = False) -> Query:
    """The query of the options. Raises ConfigurationError for a malformed one."""
    try:
        seconds = durations.seconds(since)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _YEAR:
        what = f"Malformed --since: {since!r}"
        raise ConfigurationError(what, "It is a time above 0 and of at most a year, in s, m or h.", "--since 10m")
    if version and not re.fullmatch(r"[1-9][0-9]*|\$LATEST", version):
        what = f"Malformed --version: {version!r}"
        raise ConfigurationError(what, "It is the number of a version, or $LATEST.", "--version 7")
    return Query(seconds, version, follow)


def read(run: RunContext, deployed: tuple[Function, ...], query: Query) -> Iterator[LogLine]:
    """The entries of the functions, oldest first; with `follow`, then each new one, for ever. Raises CloudError."""
    since, printed = clock.now() - timedelta(seconds=query.since), frozenset[str]()
    while True:
        began = clock.now()
        entries = _entries(run, deployed, since, query.version)
        yield from (entry for entry in entries if entry.key not in printed)
        if not query.follow:
            return
        printed = frozenset(entry.key for entry in entries)
        since = max(since, began - _LATE)
        clock.pause(_PAUSE)


def _entries(run: RunContext, deployed: tuple[Function, ...], since: datetime, version: str) -> list[LogLine]:
    read = functools.partial(_of_function, run, since, version)
    found = [entry for entries in parallel.map(run.shell, read, deployed) for entry in entries]
    return sorted(found, key=lambda entry: entry.at)


def _of_function(run: RunContext, since: datetime, version: str, deployed: Function) -> list[LogLine]:
    return list(logs.read(run.aws, deployed, since, version))
