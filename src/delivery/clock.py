"""The one place that reads the time, and spends it."""

import time
from datetime import UTC, datetime


def monotonic() -> float:
    """Seconds on a clock that never goes back."""
    return time.monotonic()


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def pause(seconds: float) -> None:
    """Let that much time pass."""
    time.sleep(seconds)
