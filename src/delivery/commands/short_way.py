"""The short way of a deploy: Lambda takes the new digests, and they are recorded in the state.

    begin_update of every function -> Lambda has fetched the images -> published -> verified, made live
                                                                          +------> recorded in the state

It is taken if a plan with the images of now is empty, so that the digests are all that changes. Killed anywhere, the
next deploy reads what is there, and goes on.

`terraform refresh` would record the same: 1.5 s of both processors, nearly all of it to read the provider's schema.
"""

import functools
from collections.abc import Callable
from typing import TypeVar

from delivery.aws import function_code
from delivery.aws.function import Version
from delivery.aws.function_code import Unpublished
from delivery.commands.deployed import DeployPlan
from delivery.context import RunContext
from delivery.errors import DeliveryError
from delivery.process import parallel
from delivery.progress import Update
from delivery.reference import PushedImage
from delivery.terraform import stages

T = TypeVar("T")


def with_state(run: RunContext, planned: DeployPlan, versions: tuple[Version, ...], work: Callable[[], T]) -> T:
    """Run `work`, and beside it record in the state the images that Lambda was given, if it was not Terraform.

    `versions`: those that were published. A failure of `work` is raised once the state is written.
    """
    if not planned.unrecorded:
        return work()
    _, result = parallel.both(run.shell, lambda: _record(run, planned, versions), lambda: _caught(work))
    if isinstance(result, DeliveryError):
        raise result
    return result


def update(run: RunContext, planned: DeployPlan, show: Update) -> tuple[Unpublished, ...]:
    """Give Lambda the new digests, and wait until it has fetched them; return every function as it is then.

    Raises RefusedError, UnhealthyError or CloudError.
    """

    def begin(update: tuple[Unpublished, PushedImage]) -> None:
        function_code.begin_update(run.aws, *update)

    def end(update: tuple[Unpublished, PushedImage]) -> Unpublished:
        return function_code.end_update(run.aws, update[0].function, update[1])

    show(f"{len(planned.updates)} functions get their images")
    parallel.map(run.shell, begin, planned.updates)
    after = {each.function.image: each for each in parallel.map(run.shell, end, planned.updates)}
    unpublished = [each.unpublished for each, _ in planned.functions]
    return tuple(after.get(each.function.image, each) for each in unpublished if each)


def _caught(work: Callable[[], T]) -> T | DeliveryError:
    try:
        return work()
    except DeliveryError as error:
        return error


def _record(run: RunContext, planned: DeployPlan, versions: tuple[Version, ...]) -> None:
    """Write what Lambda says of these functions into the state. A failure is a warning: the next deploy does it."""
    numbers = {each.image: each.version for each in versions}
    left = "the state may be behind; the next deploy records the images"
    with run.progress.stage("state", interrupted=left, keeps=True) as stage:
        try:
            found = parallel.map(
                run.shell, functools.partial(function_code.read_unpublished, run.aws), planned.unrecorded
            )
            now = [(each, numbers.get(each.function.image, "")) for each in found if each]
            stages.record(run, planned.terraform.stack, now, stage.update)
        except DeliveryError as error:
            stage.warn(f"The state is behind; the next deploy records the images. {error}")
            stage.done("behind")
            return
        stage.done("has the new images")
