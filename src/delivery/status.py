"""All environments side by side: what is live, since when and by whom, and whether anything drifted.

Each is looked at in a lane of its own; one that cannot be reached is a row that says so. Drift is what a plan on the
image and commit that are deployed would change, with the infrastructure as this checkout describes it.
"""

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from delivery import deploy, function, inventory, parallel, releases, state, terraform
from delivery.function import Function
from delivery.releases import Entry
from delivery.shell import Shell
from delivery.workbench import Workbench

_HEADS = ("environment", "image", "version", "commit", "digest", "live since (UTC)", "by", "image age", "drift")
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))  # seconds


@dataclass(frozen=True)
class Serving:
    """What one function serves; `age`: seconds since its image was pushed, none when the image is gone."""

    image: str
    entry: Entry
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


def look(names: Sequence[str], shell: Shell, opened: Callable[[str], Workbench]) -> tuple[Place, ...]:
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


def _place(name: str, opened: Callable[[str], Workbench]) -> Place:
    try:
        bench = opened(name)
        with bench.progress.stage(name) as stage:
            targets = state.functions(bench)
            serving = tuple(_serving(bench, target) for target in targets)
            drift = _drift(bench, targets, stage.say) if targets else ()
            stage.done("looked at")
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        return Place(name, failure=" ".join(str(error).split()))
    return Place(name, serving, drift)


def _serving(bench: Workbench, target: Function) -> Serving:
    entry = next(found for found in releases.history(bench.aws, target) if found.live)
    repository, _, digest = function.image_uri(bench.aws, target, entry.version).partition("@")
    age = inventory.age(bench.aws, repository.partition("/")[2], digest)
    return Serving(target.image, replace(entry, digest=digest), age)


def _drift(bench: Workbench, targets: tuple[Function, ...], say: terraform.Say) -> tuple[str, ...]:
    scratch = bench.scratch / bench.settings.environment.name  # the lanes' plans have one name
    scratch.mkdir(exist_ok=True)
    stack = terraform.init(bench.settings, state.STACK, bench.shell, say)
    images = {target.image: target.image_uri for target in targets}
    values = deploy.values_of(bench, images, function.commit(bench.aws, targets[0]))
    # Who only looks holds no lock: a deploy meanwhile is in nobody's way.
    saved = terraform.plan(replace(stack, locks=False), values, scratch, bench.shell, say)
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
