"""Adds the last lines of a version's log to the error that says that the version is unhealthy.

It is bounded: a few lines, a few pages, a few seconds. A log that cannot be read is one line more, never another error.
"""

import collections
import contextlib
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

from delivery import clock, logtext
from delivery.aws import logs
from delivery.aws.function import Version
from delivery.aws.logs import LogLine
from delivery.context import RunContext
from delivery.errors import DeliveryError, UnhealthyError

LINES = 15
_ENTRIES = 500  # newest entries whose lines are counted
_RECENT = timedelta(minutes=2)  # of the log of a busy version
_MARGIN = timedelta(seconds=10)  # between the clock of this machine and that of AWS
_PATIENCE = 5.0  # seconds; Lambda hands a line to CloudWatch a moment after it was written
_PAUSE = 1.0
_READING = 10.0  # seconds for the pages of a busy log; what was read until then is shown
_LONGEST = 20.0  # seconds for all of it


@contextlib.contextmanager
def shown(run: RunContext, deployed: Version, began: datetime | None = None) -> Iterator[None]:
    """An UnhealthyError raised inside gets the last lines of the version's log since `began` (default: now)."""
    began = began or clock.now()
    try:
        yield
    except UnhealthyError as error:
        error.why = "\n".join(filter(None, (error.why, *lines(run, deployed, began))))
        command = run.settings.environment.command(
            "logs", "--only", deployed.image, "--version", deployed.version, "--since", "1h"
        )
        error.hint = error.hint.replace("read its log", f"read its log (`{command}`)")
        raise


def lines(run: RunContext, deployed: Version, since: datetime) -> tuple[str, ...]:
    """The last lines of the version's log, below a heading; why the log cannot be read; or nothing without a line."""
    read: list[str] = []
    # A thread, because a read that hangs must not hold back the error. It ends with the process.
    start = max(since, clock.now() - _RECENT) - _MARGIN
    thread = threading.Thread(target=lambda: read.extend(_read(run, deployed, start)), daemon=True)
    thread.start()
    thread.join(_LONGEST)
    return tuple(read)


def _read(run: RunContext, deployed: Version, since: datetime) -> list[str]:
    deadline = clock.monotonic() + _PATIENCE
    try:
        while not (entries := _entries(run, deployed, since)) and clock.monotonic() < deadline:
            clock.pause(_PAUSE)
    except Exception as error:  # noqa: BLE001 - the first error counts
        why = " ".join((error.what, error.why)) if isinstance(error, DeliveryError) else repr(error)
        return [f"Its log could not be read: {' '.join(why.split())}"]
    text = [line for entry in entries for line in logtext.lines(entry.message)]
    if not text:
        return []
    shown = text[-LINES:]
    more = f", the last {LINES} of {len(text)} lines" if len(text) > LINES else ""
    return [f"The log of version {deployed.version}{more}:", *(f"{logtext.QUOTE}{line}" for line in shown)]


def _entries(run: RunContext, deployed: Version, since: datetime) -> list[LogLine]:
    newest, until = collections.deque[LogLine](maxlen=_ENTRIES), clock.monotonic() + _READING
    for entry in logs.read(run.aws, deployed, since, deployed.version):
        newest.append(entry)
        if clock.monotonic() > until:
            break
    return sorted(newest, key=lambda entry: entry.at)
