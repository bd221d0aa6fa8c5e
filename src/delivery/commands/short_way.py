"""The short way of a deploy: Lambda takes the new digests, and the state is refreshed beside it.

    begin_update of every function --> Lambda has fetched the images --> publish, verify, make live
    terraform refresh of these functions -----------------------------> the next plan is empty

It is taken if a plan with the images of now is empty, so that the digests are all that changes. Killed anywhere, the
next deploy reads what is there, and goes on.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from delivery.aws import function_code
from delivery.aws.function_code import Unpublished
from delivery.commands.deployed import DeployPlan
from delivery.context import RunContext
from delivery.errors import DeliveryError
from delivery.process import parallel
from delivery.progress import Update
from delivery.reference import PushedImage
from delivery.terraform import stages, state

T = TypeVar("T")


def with_state(run: RunContext, planned: DeployPlan, work: Callable[[], T]) -> T:
    """Run `work`, which gives the functions their images, and refresh the state beside it if Terraform does not.

    A failure of `work` is raised once the state is refreshed.
    """
    if not planned.unrecorded:
        return work()
    refreshed, result = parallel.both(run.shell, lambda: _refresh(run, planned), lambda: _caught(work))
    if isinstance(result, DeliveryError):
        raise result
    if refreshed and _is_behind(run, planned):  # Terraform read a function before Lambda had taken its image
        _refresh(run, planned)
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


def _refresh(run: RunContext, planned: DeployPlan) -> bool:
    """Write what Lambda was given into the state. A failure is a warning: the next deploy does it."""
    left = "the state may be behind; the next deploy refreshes it"
    behind = replace(planned.terraform, stack=replace(planned.terraform.stack, targets=planned.unrecorded))
    with run.progress.stage("state", interrupted=left) as stage:
        try:
            stages.refresh(run, behind, stage.update)
        except DeliveryError as error:
            stage.warn(f"The state is behind; the next deploy refreshes it. {error}")
            stage.done("behind")
            return False
        stage.done("refreshed")
    return True


def _is_behind(run: RunContext, planned: DeployPlan) -> bool:
    try:
        recorded = {name: each.image_uri for name, each in state.service(run).resources.items()}
    except DeliveryError:  # the version may be live: another refresh tells whether the bucket answers
        return True
    return any(recorded.get(each.function.name) != image.uri for each, image in planned.updates)
