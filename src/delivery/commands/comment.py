"""`invoke comment`: what a merge would change in each environment, for a comment on the pull request.

One environment after the other, because all build the same images: only the first build takes time. The plan compares
with the state, so that the job of a pull request needs no permission to read the resources themselves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from delivery.commands import diff
from delivery.commands.diff import Difference
from delivery.context import RunContext


@dataclass(frozen=True)
class Preview:
    """One environment: what a deploy of this checkout would change, or the error that prevents the answer."""

    environment: str
    difference: Difference | None
    error: Exception | None = None


def preview(names: Sequence[str], open_environment: Callable[[str], RunContext]) -> tuple[Preview, ...]:
    """Compare each environment with this checkout; the error of one does not hide the others.

    `open_environment`: makes the context of an environment; may raise DeliveryError.
    """
    return tuple(_preview(name, open_environment) for name in names)


def _preview(name: str, open_environment: Callable[[str], RunContext]) -> Preview:
    try:
        run = open_environment(name)
        scratch = run.scratch / name  # the plans and images of several environments have the same names
        scratch.mkdir(exist_ok=True)
        return Preview(name, diff.compare(replace(run, scratch=scratch), refreshes=False))
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        return Preview(name, None, error)


def require_one(previews: Sequence[Preview]) -> None:
    """Raises the first error if no environment could be compared."""
    errors = [each.error for each in previews if each.error]
    if errors and len(errors) == len(previews):
        raise errors[0]
