"""What Lambda writes to CloudWatch Logs about an invocation, from the output of its container."""

import datetime
import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.emulator import environment

_LINE = re.compile(r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?P<part>\.\d+)?Z (?P<text>.*)")


@dataclass(frozen=True)
class Line:
    """A line and its time, in milliseconds since the epoch."""

    milliseconds: int
    text: str


def parse(output: bytes) -> list[Line]:
    """The lines of `docker logs --timestamps`."""
    matches = map(_LINE.fullmatch, output.decode(errors="replace").splitlines())
    return [Line(_milliseconds(match["time"], match["part"] or ""), match["text"]) for match in matches if match]


def text(lines: Iterable[Line]) -> str:
    """The lines without their times."""
    return "\n".join(line.text for line in lines)


def stream(version: str, now: datetime.datetime, ident: str) -> str:
    """The name of the log stream of one container (Lambda guide, "Working with Lambda logs")."""
    return f"{now:%Y/%m/%d}/[{version}]{ident}"


def platform(config: Mapping[str, Any], request_id: str, seconds: float, lines: list[Line]) -> list[Line]:
    """The lines of the function between those that Lambda adds: START, END and REPORT."""
    now = int(datetime.datetime.now(datetime.UTC).timestamp() * 1000)
    first, last = (lines[0].milliseconds, max(now, lines[-1].milliseconds)) if lines else (now, now)
    duration, memory = f"{seconds * 1000:.2f} ms", config.get("MemorySize") or 128
    report = f"REPORT RequestId: {request_id}\tDuration: {duration}\tBilled Duration: {int(seconds * 1000) + 1} ms"
    return [
        Line(first, f"START RequestId: {request_id} Version: {config.get('Version') or '$LATEST'}"),
        *lines,
        Line(last, f"END RequestId: {request_id}"),
        Line(last, f"{report}\tMemory Size: {memory} MB"),
    ]


def write(config: Mapping[str, Any], log_stream: str, lines: Iterable[Line]) -> None:
    """Add the lines to that stream of the function's log group; both are made if they are missing."""
    service = importlib.import_module("ministack.services.cloudwatch_logs")
    names = {"logGroupName": environment.log_group(config)}
    if names["logGroupName"] not in service._log_groups:
        service._create_log_group(names)
    names["logStreamName"] = log_stream
    if log_stream not in service._log_groups[names["logGroupName"]]["streams"]:
        service._create_log_stream(names)
    events = [{"timestamp": line.milliseconds, "message": line.text} for line in lines]
    service._put_log_events({**names, "logEvents": events})


def _milliseconds(time: str, part: str) -> int:
    whole = datetime.datetime.fromisoformat(f"{time}+00:00").timestamp()
    return int(whole) * 1000 + int(float(f"0{part or '.0'}") * 1000)
