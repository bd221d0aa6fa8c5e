"""Polling with a deadline: no test sleeps in the hope that something has happened by then."""

import time


def until(condition, seconds: float, what: str):
    """Poll until `condition()` is true and return it; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s"
        time.sleep(0.05)
    return result
