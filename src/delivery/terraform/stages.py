"""Init, plan, apply and record for a run: each waits for the state lock, and reports to a stage."""

import functools
import json
from collections.abc import Mapping, Sequence

from delivery.aws.function_code import Unpublished
from delivery.context import RunContext
from delivery.errors import DeliveryError
from delivery.progress import UNCHANGED, Update
from delivery.terraform import execute, lock, state
from delivery.terraform.plan import Plan, Stack


def init(run: RunContext, name: str) -> Stack:
    """Initialise `infrastructure/<name>` in a stage of its own. Raises TerraformError."""
    with run.progress.stage("init", interrupted=UNCHANGED) as stage:
        stack = execute.init(run.settings, name, run.shell, stage.update)
        stage.done(f"terraform is ready for {run.settings.environment.name}")
    return stack


def plan(run: RunContext, stack: Stack, variables: Mapping[str, object], update: Update) -> Plan:
    """Plan once the state lock is free, and read the plan. Raises LockedError, TerraformError or CloudError."""
    return read_back(run, look(run, stack, variables, update))


def read_back(run: RunContext, saved: Plan) -> Plan:
    """The plan with all its changes. Raises TerraformError."""
    return execute.read_back(saved, run.shell)


def look(run: RunContext, stack: Stack, variables: Mapping[str, object], update: Update) -> Plan:
    """Plan once the state lock is free, without reading the plan. Raises LockedError, TerraformError or CloudError."""
    work = functools.partial(execute.plan, stack, variables, run.scratch, run.shell, update)
    return lock.wait_and_run(run.aws, stack, run.shell, update, work)


def apply(run: RunContext, saved: Plan, update: Update) -> None:
    """Apply a saved plan once the state lock is free. Raises LockedError, TerraformError or CloudError.

    A state that Terraform could not write is pushed once. If that fails too, its file stays, and the error names it.
    """
    work = functools.partial(execute.apply, saved, run.shell, update)
    before = _written(saved.stack)
    try:
        lock.wait_and_run(run.aws, saved.stack, run.shell, update, work)
    except DeliveryError as error:
        if _written(saved.stack) not in (None, before):
            _push_state(run, saved.stack, error, update)
        raise


def _written(stack: Stack) -> int | None:
    """When Terraform left a state in a file (nanoseconds); None without one."""
    return stack.errored.stat().st_mtime_ns if stack.errored.exists() else None


def _push_state(run: RunContext, stack: Stack, failed: DeliveryError, update: Update) -> None:
    """Push the state that the failed apply left, and add to its error what became of it."""
    update("pushing the state that Terraform could not write")
    work = functools.partial(execute.push_state, stack, stack.errored.read_text(), run.shell, update)
    try:
        lock.wait_and_run(run.aws, stack, run.shell, update, work)
        stack.errored.unlink()
        result = "The state that Terraform could not write was pushed afterwards. It has all changes."
    except DeliveryError as error:
        result = f"The state with the changes is only in {stack.errored}. It could not be pushed: {error.what}"
        failed.hint = f"keep that file; `{stack.push_state}`; then {failed.hint}"
    failed.why = "\n".join(filter(None, (failed.why, result)))


def record(run: RunContext, stack: Stack, functions: Sequence[tuple[Unpublished, str]], update: Update) -> None:
    """Write into the state what these functions have, once its lock is free: each with the number of its last version.

    Raises LockedError, TerraformError or CloudError.
    """

    def push() -> None:
        before = state.read(run, stack.name)
        if (after := state.with_images(before, functions)) != before:
            execute.push_state(stack, json.dumps(after), run.shell, update)

    lock.wait_and_run(run.aws, stack, run.shell, update, push)
