"""Init, plan, apply and refresh for a run: each waits for the state lock, and reports to a stage."""

import functools
from collections.abc import Mapping

from delivery.context import RunContext
from delivery.progress import UNCHANGED, Update
from delivery.terraform import execute, lock
from delivery.terraform.plan import Plan, Stack


def init(run: RunContext, name: str) -> Stack:
    """Initialise `infrastructure/<name>` in a stage of its own. Raises TerraformError."""
    with run.progress.stage("init", interrupted=UNCHANGED) as stage:
        stack = execute.init(run.settings, name, run.shell, stage.update)
        stage.done(f"terraform is ready for {run.settings.environment.name}")
    return stack


def plan(run: RunContext, stack: Stack, variables: Mapping[str, object], update: Update) -> Plan:
    """Plan once the state lock is free. Raises LockedError, TerraformError or CloudError."""
    work = functools.partial(execute.plan, stack, variables, run.scratch, run.shell, update)
    return lock.wait_and_run(run.aws, stack, run.shell, update, work)


def apply(run: RunContext, saved: Plan, update: Update) -> None:
    """Apply a saved plan once the state lock is free. Raises LockedError, TerraformError or CloudError."""
    work = functools.partial(execute.apply, saved, run.shell, update)
    lock.wait_and_run(run.aws, saved.stack, run.shell, update, work)


def refresh(run: RunContext, saved: Plan, update: Update) -> None:
    """Refresh the state once its lock is free. Raises LockedError, TerraformError or CloudError."""
    work = functools.partial(execute.refresh, saved, run.shell, update)
    lock.wait_and_run(run.aws, saved.stack, run.shell, update, work)
