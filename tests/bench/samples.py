"""Values: what one run of a side took, and the medians, ranges and ratios of several."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """One run. `wall`, `cpu`: seconds; `peak`: peak memory in MB, 0 if it was not read."""

    wall: float
    cpu: float
    peak: float = 0.0


Results = Mapping[str, Mapping[str, Sequence[Sample]]]
"""Scenario to side to samples, one for each round."""


@dataclass(frozen=True)
class Measured:
    """A median and its range: the smallest and the largest value of all rounds."""

    median: float
    low: float
    high: float


def of(values: Sequence[float]) -> Measured:
    """The median and the range of at least one value."""
    return Measured(statistics.median(values), min(values), max(values))


def ratio(first: Sequence[float], second: Sequence[float]) -> Measured:
    """The ratio of the medians. The range is that of the ratios of each round, whose runs were neighbours in time."""
    pairs = [one / other for one, other in zip(first, second, strict=True)]
    return Measured(statistics.median(first) / statistics.median(second), min(pairs), max(pairs))


def wall(results: Results, scenario: str, side: str) -> list[float]:
    """The wall seconds of a side, one for each round. Raises KeyError if it was not measured."""
    return [sample.wall for sample in results[scenario][side]]


def cpu(results: Results, scenario: str, side: str) -> list[float]:
    """The CPU seconds of a side, one for each round. Raises KeyError if it was not measured."""
    return [sample.cpu for sample in results[scenario][side]]
