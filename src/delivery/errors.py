"""The classes of errors, each with its exit code.

    DeliveryError            never raised
    +-- ConfigurationError   2  a missing or wrong setting, an unknown environment
    +-- MissingToolError     3  docker, buildx, terraform or git absent or too old, or the disk is full
    +-- RefusedError         4  possible but unsafe
    +-- BuildError           5  no usable image: build, push, media type, platform, size
    +-- TerraformError       6  infrastructure did not change as requested; lock held
    +-- UnhealthyError       7  deployed, breaks its health contract (the old version serves) or an acceptance test
    +-- CloudError           8  AWS, the registry or GitHub refused or is unreachable

An interrupt (Ctrl-C, SIGTERM, SIGHUP) ends with 130.
"""

import difflib
from collections.abc import Iterable

INTERRUPTED = 130
NO_SPACE = "no space left on device"  # the text of ENOSPC in Go programs


class DeliveryError(Exception):
    """An error: `what` happened, `why`, and a `hint` of what to type next."""

    exit_code = 1

    def __init__(self, what: str, why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        parts = [self.what]
        if self.why:
            parts += [f"  {line}" for line in self.why.splitlines()]
        if self.hint:
            parts += [f"  try: {self.hint}"]
        return "\n".join(parts)


class ConfigurationError(DeliveryError):
    """A setting is missing or wrong, or the environment is unknown."""

    exit_code = 2


class MissingToolError(DeliveryError):
    """A tool the task needs is absent or too old."""

    exit_code = 3


class RefusedError(DeliveryError):
    """The request is possible but unsafe, so nothing was changed."""

    exit_code = 4


class BuildError(DeliveryError):
    """There is no image that Lambda accepts."""

    exit_code = 5


class TerraformError(DeliveryError):
    """The infrastructure did not change as requested."""

    exit_code = 6


class LockedError(TerraformError):
    """Another run holds the state lock; nothing was changed, so a retry is safe."""


class UnhealthyError(DeliveryError):
    """A deployed version breaks its health contract, and the alias was not moved; or an acceptance test failed."""

    exit_code = 7


class CloudError(DeliveryError):
    """AWS, the registry or GitHub refused, or cannot be reached."""

    exit_code = 8


def disk_full(why: str) -> MissingToolError:
    """The error for a full disk."""
    return MissingToolError("The disk is full.", why, "free some space, then run the same command again")


def nearest(word: str, known: Iterable[str]) -> str:
    """The known name that is most like a word, for a `try:` line; empty if none is like it."""
    return next(iter(difflib.get_close_matches(word, tuple(known), n=1)), "")


class Interrupted(KeyboardInterrupt):
    """An interrupt, with one line about what it left."""
