"""The only module that reads the time and waits."""

import time
from datetime import UTC, datetime


def monotonic() -> float:
    """Seconds on a clock that never goes back."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Wait for so many seconds; an interrupt ends the wait."""
    time.sleep(seconds)


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)
