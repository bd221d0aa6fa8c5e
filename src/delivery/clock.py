"""The one place that reads the time."""

import time
from datetime import UTC, datetime


def monotonic() -> float:
    """Seconds on a clock that never goes back."""
    return time.monotonic()


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def sleep(seconds: float) -> None:
    """Wait; an interrupt ends it."""
    time.sleep(seconds)
