"""A clock that a test sets."""

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
