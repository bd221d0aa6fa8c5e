"""`invoke status`: environments side by side: live versions, who made them live and when, and drift.

All environments are read at the same time; one that cannot be read is a row with its error. Drift is what a plan would
change, with the deployed image and commit and the infrastructure of this checkout.
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
    """The live version of one function. `age`: seconds since its image was pushed, None when the image is gone."""

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


def read(
    names: Sequence[str], shell: Shell, open_environment: Callable[[str], RunContext]
) -> tuple[EnvironmentStatus, ...]:
    """Read every environment at the same time; the error of one does not hide the others.

    `open_environment`: makes the context of an environment; may raise DeliveryError.
    """
    return parallel.each(shell, [functools.partial(_environment, name, open_environment) for name in names])


def _environment(name: str, open_environment: Callable[[str], RunContext]) -> EnvironmentStatus:
    try:
        run = open_environment(name)
        with run.progress.stage(name, interrupted=UNCHANGED) as stage:
            functions = state.functions(run)
            live = tuple(filter(None, (_live(run, deployed) for deployed in functions)))
            drift = _drift(run, functions, stage.update) if functions else None
            stage.done("read")
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        return EnvironmentStatus(name, failure=" ".join(str(error).split()))
    return EnvironmentStatus(name, live, drift)


def _live(run: RunContext, deployed: Function) -> FunctionStatus | None:
    """The live version of a function; None as long as no version was verified."""
    entry = next((entry for entry in history.read(run.aws, deployed) if entry.live), None)
    if entry is None:
        return None
    image = function.read_image(run.aws, deployed, entry.version)
    age = ecr.age(run.aws, image)
    return FunctionStatus(deployed.image, replace(entry, digest=image.digest), age)


def _drift(run: RunContext, functions: tuple[Function, ...], update: Update) -> Plan | None:
    scratch = run.scratch / run.settings.environment.name  # the plans of several environments have the same name
    scratch.mkdir(exist_ok=True)
    stack = execute.init(run.settings, state.STACK, run.shell, update)
    images = {deployed.image: deployed.image_uri for deployed in functions}
    commit, live_versions = function.read_commit(run.aws, functions[0]), state.live_versions(run)
    values = variables.service(run.settings, images, commit, live_versions)
    # Without the state lock, so that a deploy at the same time is not held up.
    saved = execute.plan(replace(stack, locks=False), values, scratch, run.shell, update)
    return None if saved.empty else saved
