"""All environments side by side: what is live, since when and by whom, and whether anything drifted.

Each is looked at in a lane of its own; one that cannot be reached is a row that says so. Drift is what a plan on the
image and commit that are deployed would change, with the infrastructure as this checkout describes it.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from delivery.aws import ecr, function
from delivery.aws.function import Function
from delivery.context import RunContext
from delivery.process import parallel
from delivery.process.shell import Shell
from delivery.progress import UNCHANGED, Update
from delivery.release import history
from delivery.release.history import HistoryEntry
from delivery.terraform import execute, state, variables
from delivery.terraform.plan import Plan


@dataclass(frozen=True)
class FunctionStatus:
    """What one function serves; `age`: seconds since its image was pushed, none when the image is gone."""

    image: str
    entry: HistoryEntry
    age: float | None


@dataclass(frozen=True)
class EnvironmentStatus:
    """One environment.

    `drift`: the plan that would change something, None without drift. `failure`: why it could not be read.
    """

    name: str
    functions: tuple[FunctionStatus, ...] = ()
    drift: Plan | None = None
    failure: str = ""


def read(names: Sequence[str], shell: Shell, opened: Callable[[str], RunContext]) -> tuple[EnvironmentStatus, ...]:
    """Every environment, all at once. `opened` makes a workbench, and may fail for one of them."""
    return parallel.each(shell, [functools.partial(_place, name, opened) for name in names])


def _place(name: str, opened: Callable[[str], RunContext]) -> EnvironmentStatus:
    try:
        run = opened(name)
        with run.progress.stage(name, interrupted=UNCHANGED) as stage:
            targets = state.functions(run)
            serving = tuple(_serving(run, target) for target in targets)
            drift = _drift(run, targets, stage.update) if targets else None
            stage.done("looked at")
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        return EnvironmentStatus(name, failure=" ".join(str(error).split()))
    return EnvironmentStatus(name, serving, drift)


def _serving(run: RunContext, target: Function) -> FunctionStatus:
    entry = next(found for found in history.read(run.aws, target) if found.live)
    repository, _, digest = function.read_image_uri(run.aws, target, entry.version).partition("@")
    age = ecr.age(run.aws, repository.partition("/")[2], digest)
    return FunctionStatus(target.image, replace(entry, digest=digest), age)


def _drift(run: RunContext, targets: tuple[Function, ...], update: Update) -> Plan | None:
    scratch = run.scratch / run.settings.environment.name  # the lanes' plans have one name
    scratch.mkdir(exist_ok=True)
    stack = execute.init(run.settings, state.STACK, run.shell, update)
    images = {target.image: target.image_uri for target in targets}
    values = variables.service(run.settings, images, function.read_commit(run.aws, targets[0]))
    # Who only looks holds no lock: a deploy meanwhile is in nobody's way.
    saved = execute.plan(replace(stack, locks=False), values, scratch, run.shell, update)
    return None if saved.empty else saved
