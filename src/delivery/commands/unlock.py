"""`invoke unlock`: show who holds the state lock of a root module, and remove the lock of a dead owner."""

from delivery.context import RunContext
from delivery.errors import ConfigurationError, nearest
from delivery.terraform import lock, stages

STACKS = ("service", "foundation")


def require_stack(stack: str) -> None:
    """Raises ConfigurationError for an unknown root module."""
    if stack not in STACKS:
        near = nearest(stack, STACKS) or STACKS[0]
        raise ConfigurationError(
            f"Unknown root module: {stack!r}", f"Known are: {', '.join(STACKS)}", f"--stack {near}"
        )


def unlock(run: RunContext, stack: str, lock_id: str = "") -> str:
    """Remove the lock if its owner cannot be alive, or if its ID is `lock_id`; returns what was done, for people.

    Raises RefusedError while the owner may be alive, TerraformError or CloudError.
    """
    return lock.release(run.aws, stages.init(run, stack), lock_id, run.shell)
