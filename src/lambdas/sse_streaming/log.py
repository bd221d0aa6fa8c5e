"""The log of the process: entries as text, or as JSON if Lambda's log format is JSON.

Every entry names the invocation that it belongs to, and has a limited length.
Source: Lambda developer guide, "Using Lambda advanced logging controls with Python" (the names of the JSON keys).
"""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from sse_streaming import context
from sse_streaming.failure import Failure, describe

MAX_CHARACTERS = 4000
"""Of a message; what is longer is cut."""

# The levels of Lambda's log controls that Python's logging names differently.
_LEVELS = {"TRACE": "DEBUG", "FATAL": "CRITICAL"}


def configure(environment: Mapping[str, str]) -> None:
    """Write the entries of every logger to stderr, in Lambda's log format and from Lambda's log level on."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if environment.get("AWS_LAMBDA_LOG_FORMAT") == "JSON" else _Text())
    level = environment.get("AWS_LAMBDA_LOG_LEVEL") or "INFO"
    logging.basicConfig(handlers=[handler], level=_LEVELS.get(level, level), force=True)


def moment(seconds: float) -> str:
    """Return a time, in seconds since the epoch, as ISO 8601 with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ids(invocation: context.Context | None) -> dict[str, str]:
    """Return the ids of an invocation that it has, with the keys of an entry."""
    if invocation is None:
        return {}
    every = {
        "requestId": invocation.aws_request_id,
        "traceId": invocation.trace_id,
        "tenantId": invocation.tenant_id,
    }
    return {name: value for name, value in every.items() if value}


class _Text(logging.Formatter):
    """`[LEVEL] time request-id message`, then the error and the last frames of its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        invocation = context.current.get()
        words = [f"[{record.levelname}]", moment(record.created)]
        words += [invocation.aws_request_id] if invocation else []
        lines = [" ".join([*words, record.getMessage()[:MAX_CHARACTERS]])]
        if failure := _failure(record):
            lines += [f"{failure.type}: {failure.message}", *(frame.rstrip() for frame in failure.stack)]
        return "\n".join(lines)


class _Json(logging.Formatter):
    """One JSON object in one line."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "timestamp": moment(record.created),
            "level": record.levelname,
            "message": record.getMessage()[:MAX_CHARACTERS],
            "logger": record.name,
            **ids(context.current.get()),
        }
        failure = _failure(record)
        return json.dumps(entry if failure is None else {**entry, **failure.content})


def _failure(record: logging.LogRecord) -> Failure | None:
    return describe(record.exc_info[1]) if record.exc_info and record.exc_info[1] else None
