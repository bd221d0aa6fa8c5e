"""A clock that a test sets."""

import threading

from delivery import clock


class Clock:
    """A clock that is set by hand; `tick` is what passes each time it is read."""

    def __init__(self, tick=0.0):
        self.time, self.tick = 0.0, tick

    def __call__(self):
        self.time += self.tick
        return self.time

    def pass_(self, seconds):
        """Time passes."""
        self.time += seconds

    def install(self, monkeypatch):
        """Make it the clock that delivery reads, and waits by."""
        monkeypatch.setattr(clock, "monotonic", self)
        monkeypatch.setattr(clock, "pause", self.pass_)
        return self


class LaneClock(Clock):
    """A clock for several lanes: what one lane reads makes no time pass for another."""

    def __init__(self, tick):
        self._lane = threading.local()
        super().__init__(tick)

    @property
    def time(self):
        return getattr(self._lane, "time", 0.0)

    @time.setter
    def time(self, seconds):
        self._lane.time = seconds
