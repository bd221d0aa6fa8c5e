"""CloudWatch Logs: the lines that a function wrote, of all its versions or of one.

Each running copy of a function writes to a stream of its own, whose name has the day of its start and the version:
`2026/11/27/[5]3f2c…`. https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from delivery import clock
from delivery.aws.function import Function
from delivery.aws.session import Aws, ClientError, error_code

_VERSION = re.compile(r"\[([^\]]+)\]")
# A stream has the day on which its copy started, and may get lines on the next day: "Lambda terminates execution
# environments every few hours", https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
_LONGEST_LIFE = timedelta(days=1)


@dataclass(frozen=True)
class LogLine:
    """One entry of a log. `message`: one line, or several for a traceback. `key`: differs for each entry."""

    at: datetime
    key: str
    image: str
    version: str
    message: str


def read(aws: Aws, function: Function, since: datetime, version: str = "") -> Iterator[LogLine]:
    """The entries from `since` on, in pages as AWS returns them; nothing without a log.

    `version`: only the entries of this version. Its streams are named, so that AWS does not read those of the others.
    Raises CloudError.
    """
    prefixes = [f"{day:%Y/%m/%d}/[{version}]" for day in _days(since)] if version else [""]
    for prefix in prefixes:
        yield from (line for line in _read(aws, function, since, prefix) if version in ("", line.version))


def _days(since: datetime) -> Iterator[datetime]:
    day, last = since - _LONGEST_LIFE, clock.now()
    while day.date() <= last.date():
        yield day
        day += timedelta(days=1)


def _read(aws: Aws, function: Function, since: datetime, prefix: str) -> Iterator[LogLine]:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html."""
    given = {"logGroupName": f"/aws/lambda/{function.name}", "startTime": int(since.timestamp() * 1000)}
    streams = {"logStreamNamePrefix": prefix} if prefix else {}
    with aws.explained(f"read the log of {function.name}"):
        try:
            for page in aws.logs.get_paginator("filter_log_events").paginate(**given, **streams):
                for event in page["events"]:
                    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                    named = _VERSION.search(event.get("logStreamName", ""))
                    version = named[1] if named else ""
                    yield LogLine(at, event.get("eventId", ""), function.image, version, event["message"])
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":  # nothing has written yet
                raise
