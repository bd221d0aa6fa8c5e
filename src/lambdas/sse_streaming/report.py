"""One line for each stream: its ids, its first event, its size and its end, with CloudWatch metrics in it.

CloudWatch reads the metrics from the log ("Specification: Embedded metric format"), so a stream makes no call for them.
The line is JSON in both of Lambda's log formats, because the metrics need it.
"""

import json
import sys
import time

from sse_streaming import log
from sse_streaming.context import Context
from sse_streaming.execution import Execution
from sse_streaming.sse import MEDIA_TYPE

NAMESPACE = "sse-streaming"
"""Of the metrics in CloudWatch."""

_UNITS = {"FirstEvent": "Milliseconds", "Duration": "Milliseconds", "Events": "Count", "Bytes": "Bytes"}


class Report:
    """Counts what the response to one invocation sends, from the moment at which the invocation arrived."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._began = time.monotonic()
        self._is_stream = False
        self._first: float | None = None
        self._events = self._bytes = 0

    def start(self, headers: list[tuple[bytes, bytes]]) -> None:
        """The head of the response is sent. Only a stream of events gets a line."""
        self._is_stream = (b"content-type", MEDIA_TYPE.encode()) in headers

    def sent(self, part: bytes) -> None:
        """A part of the body is sent. A part of a stream consists of whole blocks."""
        self._bytes += len(part)
        # A block that begins with another field is no event: section 9.2.6 of WHATWG HTML.
        if not part.startswith((b"retry:", b":")):
            self._events += part.count(b"\n\n")
            if self._first is None and self._events:
                self._first = self._milliseconds()

    def end(self, reason: str, execution: Execution) -> None:
        """Write the line to stdout; `reason` says why the stream ended."""
        if self._is_stream:
            # One write: the lines of streams that run at the same time must not mix.
            sys.stdout.write(f"{json.dumps(self._entry(reason, execution))}\n")
            sys.stdout.flush()

    def _entry(self, reason: str, execution: Execution) -> dict[str, object]:
        values = {"Duration": self._milliseconds(), "Events": self._events, "Bytes": self._bytes}
        if self._first is not None:
            values["FirstEvent"] = self._first
        now = time.time()
        metrics = [{"Name": name, "Unit": _UNITS[name]} for name in values]
        directive = {"Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": metrics}
        return {
            "timestamp": log.moment(now),
            "level": "INFO",
            "message": "The stream has ended",
            **log.ids(self._context),
            "FunctionName": execution.function,
            "version": execution.version,
            "endReason": reason,
            **values,
            "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]},
        }

    def _milliseconds(self) -> float:
        return round((time.monotonic() - self._began) * 1000, 1)
