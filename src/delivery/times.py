"""Where the time of a command went: the stages of one name together, and what no stage covers.

Stages run beside each other, so their times alone are more than the total. The time that several names share counts
for the longest of them; for each other one, `beside` says how much it was. So in tenths of a second, exactly:

    total = sum(seconds - beside)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

OTHER = "other"
"""The name of the time that no stage covers: between stages, and while a person was asked."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Span:
    """All stages of one name. `seconds`: in which at least one ran; `beside`: of these, shared with a longer name."""

    name: str
    seconds: float
    beside: float = 0.0
    partners: tuple[str, ...] = ()
    """The longer names that ran at the same time."""
    count: int = 1
    """The number of stages."""

    @property
    def note(self) -> str:
        """How often the stage ran, and beside which others; empty if once and alone."""
        parts = [f"{self.count} times"] if self.count > 1 else []
        if self.beside:
            some = f"{self.beside:.1f} s " if self.beside < self.seconds else ""
            parts.append(f"{some}beside {', '.join(self.partners)}")
        return ", ".join(parts)


def spans(began: float, total: float, stages: Iterable[tuple[str, float, float]]) -> tuple[Span, ...]:
    """One span for each name, in the order of the first starts, and last the time that no stage covers.

    `began`, `total`: of the command; `stages`: name, start and seconds. Starts are on the clock of `began`.
    """
    named: dict[str, list[Interval]] = {}
    for name, started, seconds in sorted(stages, key=lambda stage: stage[1]):
        named.setdefault(name, []).append((max(started, began), min(started + seconds, began + total)))
    runs = {name: _union(intervals) for name, intervals in named.items()}
    longest_first = sorted(runs, key=lambda name: -_length(runs[name]))
    longer = {name: longest_first[:place] for place, name in enumerate(longest_first)}
    shared = {name: _shared(runs[name], [each for other in longer[name] for each in runs[other]]) for name in runs}
    own = [_length(runs[name]) - shared[name] for name in runs]
    *alone, rest = _tenths([*own, max(0.0, total - sum(own))], total)
    made = []
    for name, tenths in zip(runs, alone, strict=True):
        beside = round(shared[name] * 10)
        partners = _partners(runs[name], {other: runs[other] for other in longer[name]}) if beside else ()
        made.append(Span(name, (tenths + beside) / 10, beside / 10, partners, len(named[name])))
    return (*made, Span(OTHER, rest / 10)) if rest else tuple(made)


def _partners(joined: Sequence[Interval], longer: Mapping[str, Sequence[Interval]]) -> tuple[str, ...]:
    """The names that shared a tenth of a second, rounded; at least the one that shared the most."""
    amounts = {name: _shared(joined, others) for name, others in longer.items()}
    least = min(0.05, max(amounts.values()))
    return tuple(name for name, amount in amounts.items() if amount >= least)


def _union(intervals: Iterable[Interval]) -> list[Interval]:
    joined: list[Interval] = []
    for start, end in sorted(intervals):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif end > start:
            joined.append((start, end))
    return joined


def _length(joined: Iterable[Interval]) -> float:
    return sum(end - start for start, end in joined)


def _shared(joined: Sequence[Interval], others: Sequence[Interval]) -> float:
    """The seconds of `joined` in which one of `others` ran."""
    return _length(joined) + _length(_union(others)) - _length(_union([*joined, *others]))


def _tenths(parts: Sequence[float], total: float) -> list[int]:
    """The parts in whole tenths of a second whose sum is that of the total: the largest remainders are rounded up."""
    rounded = [int(part * 10 + 1e-9) for part in parts]
    missing = round(total * 10) - sum(rounded)
    by_remainder = sorted(range(len(parts)), key=lambda place: rounded[place] - parts[place] * 10)
    for place in by_remainder[: max(0, missing)]:
        rounded[place] += 1
    return rounded
