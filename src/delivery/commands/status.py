"""All environments side by side: what is live, since when and by whom, and whether anything drifted.

Each is looked at in a lane of its own; one that cannot be reached is a row that says so. Drift is what a plan on the
image and commit that are deployed would change, with the infrastructure as this checkout describes it.
"""

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from delivery.aws import ecr, function
from delivery.aws.function import Function
from delivery.context import RunContext
from delivery.process import parallel
from delivery.process.shell import Shell
from delivery.progress import Update
from delivery.release import history
from delivery.release.history import HistoryEntry
from delivery.terraform import execute, state, variables

_HEADS = ("environment", "image", "version", "commit", "digest", "live since (UTC)", "by", "image age", "drift")
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))  # seconds


@dataclass(frozen=True)
class Serving:
    """What one function serves; `age`: seconds since its image was pushed, none when the image is gone."""

    image: str
    entry: HistoryEntry
    age: float | None

    def document(self) -> dict[str, object]:
        """For `--json`."""
        return {"image": self.image, "image_age_seconds": self.age, **self.entry.document()}


@dataclass(frozen=True)
class Place:
    """One environment; `drift`: what a plan would change, one line each. `failure`: why it could not be looked at."""

    environment: str
    serving: tuple[Serving, ...] = ()
    drift: tuple[str, ...] = ()
    failure: str = ""

    def document(self) -> dict[str, object]:
        """For `--json`."""
        functions = [one.document() for one in self.serving]
        return {"environment": self.environment, "functions": functions, "drift": self.drift, "error": self.failure}


def read(names: Sequence[str], shell: Shell, opened: Callable[[str], RunContext]) -> tuple[Place, ...]:
    """Every environment, all at once. `opened` makes a workbench, and may fail for one of them."""
    return parallel.each(shell, [functools.partial(_place, name, opened) for name in names])


def table(places: Sequence[Place]) -> tuple[str, ...]:
    """Aligned lines with a heading, then what drifted, then whether all run the same bytes."""
    rows = [_HEADS, *(row for place in places for row in _rows(place))]
    widths = [max(len(row[column]) for row in rows if len(row) > 2) for column in range(len(_HEADS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    drifted = [f"{place.environment}: {words}" for place in places for words in place.drift]
    return (*lines, *drifted, *same(places))


def same(places: Sequence[Place]) -> tuple[str, ...]:
    """Of each image that several environments serve: whether it is the same bytes everywhere."""
    lines = []
    for image, found in _digests(places).items():
        if len(set(found.values())) == 1:
            lines.append(f"{image}: the same bytes in {', '.join(found)}")
        else:
            each = ", ".join(f"{name} {digest[:19]}" for name, digest in found.items())
            lines.append(f"{image}: not the same bytes: {each}")
    return tuple(lines)


def document(places: Sequence[Place]) -> str:
    """All of it as JSON."""
    alike = {image: len(set(found.values())) == 1 for image, found in _digests(places).items()}
    return json.dumps({"environments": [place.document() for place in places], "same_bytes": alike}, indent=2)


def _place(name: str, opened: Callable[[str], RunContext]) -> Place:
    try:
        run = opened(name)
        with run.progress.stage(name) as stage:
            targets = state.functions(run)
            serving = tuple(_serving(run, target) for target in targets)
            drift = _drift(run, targets, stage.update) if targets else ()
            stage.done("looked at")
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        return Place(name, failure=" ".join(str(error).split()))
    return Place(name, serving, drift)


def _serving(run: RunContext, target: Function) -> Serving:
    entry = next(found for found in history.read(run.aws, target) if found.live)
    repository, _, digest = function.read_image_uri(run.aws, target, entry.version).partition("@")
    age = ecr.age(run.aws, repository.partition("/")[2], digest)
    return Serving(target.image, replace(entry, digest=digest), age)


def _drift(run: RunContext, targets: tuple[Function, ...], update: Update) -> tuple[str, ...]:
    scratch = run.scratch / run.settings.environment.name  # the lanes' plans have one name
    scratch.mkdir(exist_ok=True)
    stack = execute.init(run.settings, state.STACK, run.shell, update)
    images = {target.image: target.image_uri for target in targets}
    values = variables.service(run.settings, images, function.read_commit(run.aws, targets[0]))
    # Who only looks holds no lock: a deploy meanwhile is in nobody's way.
    saved = execute.plan(replace(stack, locks=False), values, scratch, run.shell, update)
    return () if saved.empty else saved.words()


def _rows(place: Place) -> list[tuple[str, ...]]:
    if place.failure or not place.serving:
        return [(place.environment, place.failure or "nothing is deployed yet")]
    drift = place.drift[-1] if place.drift else "none"
    return [(place.environment, *_cells(one), drift) for one in place.serving]


def _cells(serving: Serving) -> tuple[Any, ...]:
    entry = serving.entry
    since = entry.made_live.at[:19].replace("T", " ") or "-"
    age = "gone" if serving.age is None else _age(serving.age)
    return serving.image, entry.version, entry.commit[:12], entry.digest[:19], since, entry.made_live.who or "-", age


def _age(seconds: float) -> str:
    for unit, name in _UNITS:
        if seconds >= unit:
            return f"{seconds // unit:.0f} {name}"
    return f"{seconds:.0f} s"


def _digests(places: Sequence[Place]) -> dict[str, dict[str, str]]:
    """The live digest by environment, of each image that more than one of them serves."""
    found: dict[str, dict[str, str]] = {}
    for place in places:
        for one in place.serving:
            found.setdefault(one.image, {})[place.environment] = one.entry.digest
    return {image: digests for image, digests in found.items() if len(digests) > 1}
