"""The one place that reads the time, and spends it."""

import time
from datetime import UTC, datetime


def monotonic() -> float:
    """Seconds on a clock that never goes back."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Do nothing for so long; an interrupt ends it."""
    time.sleep(seconds)


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)
