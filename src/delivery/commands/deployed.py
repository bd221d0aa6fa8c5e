"""What is deployed, and what a deploy would change: the functions as AWS and the state have them, and a plan."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from delivery.aws import function, function_code
from delivery.aws.function import Alias, Function, Version
from delivery.aws.function_code import Unpublished
from delivery.context import RunContext
from delivery.image.vulnerabilities import Scanned
from delivery.process import parallel
from delivery.reference import PushedImage
from delivery.terraform import adoption, state
from delivery.terraform.plan import Plan
from delivery.terraform.state import FunctionResource


@dataclass(frozen=True)
class Deployed:
    """A function as it is before the deploy.

    `unpublished`: None if AWS does not have it. `alias`: None as long as no version was verified. `resource`: None if
    the state does not have it.
    """

    function: Function
    unpublished: Unpublished | None
    alias: Alias | None
    resource: FunctionResource | None

    @property
    def image(self) -> PushedImage | None:
        """The image that it has now; None if that is not known, so that only Terraform can give it one."""
        return self.unpublished.image if self.unpublished and self.resource else None

    @property
    def uri(self) -> str:
        """The image that it has now, as Terraform gets it; that of the state if AWS does not say it by digest."""
        if self.unpublished and self.unpublished.image:
            return self.unpublished.image.uri
        return self.resource.image_uri if self.resource else ""

    @property
    def complete(self) -> bool:
        """Whether Terraform has it, and one of its versions was made live."""
        return bool(self.resource and self.alias)

    @property
    def recorded(self) -> bool:
        """Whether the state has the image that the function has."""
        return bool(self.image and self.resource and self.resource.image_uri == self.image.uri)


@dataclass(frozen=True)
class DeployPlan:
    """What a deploy would do.

    `terraform`: its plan. `deployed`: image name to function, where that plan is empty: Lambda takes the new digests.
    `verified`: the live versions that were verified while Terraform planned. `others`: image name to function, for the
    functions that the deploy leaves as they are. `scanned`: what ECR knows of the images.
    """

    images: tuple[PushedImage, ...]
    terraform: Plan
    deployed: Mapping[str, Deployed]
    verified: frozenset[Version]
    others: Mapping[str, Deployed] = field(default_factory=dict)
    scanned: tuple[Scanned, ...] = ()

    @property
    def functions(self) -> tuple[tuple[Deployed, PushedImage], ...]:
        """The functions on the short way, each with the image that it runs afterwards."""
        return tuple((self.deployed[image.name], image) for image in self.images if image.name in self.deployed)

    @property
    def updates(self) -> tuple[tuple[Unpublished, PushedImage], ...]:
        """The functions that get a new image from Lambda, each with it."""
        found = [(each.unpublished, image) for each, image in self.functions]
        return tuple((now, image) for now, image in found if now and (now.image != image or now.failed))

    @property
    def changes(self) -> tuple[str, ...]:
        """One line for each change, as `sign verb address`: the same whether Terraform or Lambda makes it."""
        resources = [self.deployed[image.name].resource for _, image in self.updates]
        return (*self.terraform.changes, *(f"~ update {each.address} (image_uri)" for each in resources if each))

    @property
    def unrecorded(self) -> tuple[Function, ...]:
        """The functions that have, or will have, another image than the state."""
        updated = {image.name for _, image in self.updates}
        return tuple(each.function for each, image in self.functions if image.name in updated or not each.recorded)

    @property
    def counts(self) -> str:
        """What an apply of it has changed, for people."""
        if not self.terraform.empty:
            return self.terraform.applied
        return f"0 created, {len(self.updates)} updated, 0 deleted" if self.updates else "nothing to do"


def read(run: RunContext) -> Mapping[str, Deployed]:
    """The functions as they are now, by image name; those too that the next apply adopts (`bootstrap --adopt`).

    Raises ConfigurationError, TerraformError, UnhealthyError or CloudError.
    """
    service = state.service(run)
    functions = (*service.functions, *_adopted(run, service.functions))
    unpublished, aliases = parallel.both(
        run.shell,
        lambda: parallel.map(run.shell, functools.partial(function_code.read_unpublished, run.aws), functions),
        lambda: parallel.map(run.shell, functools.partial(function.find_alias, run.aws), functions),
    )
    found = zip(functions, unpublished, aliases, strict=True)
    return {each.image: Deployed(each, now, alias, service.resources.get(each.name)) for each, now, alias in found}


def _adopted(run: RunContext, known: tuple[Function, ...]) -> tuple[Function, ...]:
    """The functions that adopted.tf names and the state does not have: their alias is adopted in the same apply."""
    environment = run.settings.environment
    entries = adoption.read(run.settings.source / "infrastructure" / state.STACK).get(environment.name, ())
    images = [entry.partition(" ")[0] for entry in entries if entry.endswith(" function")]
    new = [image for image in images if image not in {each.image for each in known}]
    return tuple(Function(image, environment.function(image), adoption.ALIAS, "") for image in new)


def runs(deployed: Mapping[str, Deployed], image: PushedImage) -> bool:
    """Whether the function of this image has it already."""
    return image.name in deployed and deployed[image.name].image == image
