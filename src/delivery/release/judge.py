"""Compares two series of numbers by their ranks: whether one is slower than the other, and not by chance.

The Mann-Whitney U test asks nothing about the form of the distributions, as durations have a long tail. U counts the
pairs in which the new value is the larger one; for four values or more its distribution is nearly normal.
https://en.wikipedia.org/wiki/Mann%E2%80%93Whitney_U_test, "Normal approximation and tie correction"
"""

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

LEAST = 4  # values of each: fewer cannot be told from chance at this level
LEVEL = 0.05  # the chance of calling an equal version slower, in one comparison


@dataclass(frozen=True)
class Comparison:
    """The medians of the new and the old values, and the chance of so great a difference between equal versions."""

    new: float
    old: float
    chance: float

    @property
    def factor(self) -> float:
        """How many times the old median the new one is."""
        return self.new / self.old if self.old else math.inf

    def slower(self, tolerated: float) -> bool:
        """Whether the new values are larger, not by chance, and by more than the factor `tolerated`."""
        return self.chance < LEVEL and self.factor > tolerated


def compare(new: Sequence[float], old: Sequence[float]) -> Comparison | None:
    """The comparison of two series; None if one is too short."""
    if min(len(new), len(old)) < LEAST:
        return None
    return Comparison(statistics.median(new), statistics.median(old), chance_of_larger(new, old))


def chance_of_larger(new: Sequence[float], old: Sequence[float]) -> float:
    """The one-sided p-value of the Mann-Whitney U test: 0 to 1, small if the new values are larger."""
    pairs = len(new) * len(old)
    u = sum((a > b) + (a == b) / 2 for a in new for b in old)
    total = len(new) + len(old)
    ties = sum(count**3 - count for count in Counter((*new, *old)).values())
    variance = pairs / 12 * (total + 1 - ties / (total * (total - 1)))
    if not variance:  # all values are equal
        return 1.0
    return math.erfc((u - pairs / 2 - 0.5) / math.sqrt(2 * variance)) / 2
