"""The SBOM of a pushed image: the signed one beside it, or one that is made from its layers.

The signed one counts only if it is signed by whom the environment trusts. The layers are the truth either way, and
cost their bytes from the registry.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from delivery.attestation import SBOM, Statement
from delivery.aws import ecr
from delivery.aws.distribution import Repository
from delivery.context import RunContext
from delivery.errors import CloudError, ConfigurationError, RefusedError
from delivery.image import components, inspect, layers, recipe, sbom, signer, trust
from delivery.image.inspect import InspectedImage
from delivery.image.layers import Blobs, Changes
from delivery.image.recipe import Recipe
from delivery.image.sbom import Sbom
from delivery.image.trust import Wanted
from delivery.process import parallel
from delivery.reference import PushedImage


@dataclass(frozen=True)
class Contents:
    """An image with its SBOM. `unsigned`: why the SBOM was made from the layers; empty for a signed one."""

    image: PushedImage
    bom: Sbom
    unsigned: str = ""


def read(
    run: RunContext, image: PushedImage, commit: str, recipe_of: Callable[[], Recipe], known: dict[str, Changes]
) -> Contents:
    """The SBOM of a pushed image. `recipe_of`: called only if the SBOM is made. `known`: layers that were read already.

    Raises BuildError when the registry has no such image, or CloudError.
    """
    try:
        statement, unsigned = _signed(run, image, commit)
    except (CloudError, ConfigurationError, RefusedError) as error:  # a role that only reads may not ask KMS
        statement, unsigned = None, error.what
    if statement:
        return Contents(image, dict(statement.predicate))
    access = ecr.authorize(run.aws)
    blobs = Blobs(Repository(access, image.repository_name).blob, known)
    return Contents(image, sbom.make(inspect.pushed(run.aws, image, access), blobs, recipe_of()), unsigned)


class Comparison:
    """Compares images with those that are live; reads each layer, and the recipes, once."""

    def __init__(self, run: RunContext) -> None:
        """Raises ConfigurationError for a bake file that cannot be read."""
        self._run, self._known = run, dict[str, Changes]()
        self._recipes, self._definitions = recipe.read(run.settings, run.shell), recipe.definitions(run)

    def changes(
        self, inspected: InspectedImage, image: PushedImage, live: PushedImage, commit: str
    ) -> tuple[components.Change, ...]:
        """The packages that differ. `image`: in the registry, or built on this machine. `commit`: of the live one.

        Raises BuildError when one of the images is gone, or CloudError.
        """
        registry = Blobs(Repository(ecr.authorize(self._run.aws), image.repository_name).blob, self._known)
        blobs = layers.in_either(self._run.scratch / image.name, registry)
        after = components.of(sbom.make(inspected, blobs, self._recipes[image.name]))
        of_commit = functools.partial(recipe.of_commit, self._run, self._definitions, live.name, commit)
        before = components.of(read(self._run, live, commit, of_commit, self._known).bom)
        return components.changes(before, after)


def _signed(run: RunContext, image: PushedImage, commit: str) -> tuple[Statement | None, str]:
    """The signed SBOM of an image, None without one; and why there is none."""
    settings = run.settings
    names = settings.requires.signed_by or list(filter(None, [settings.sign_with]))
    if not names:
        return None, "build.sign_with and requires.signed_by name no signer"
    signers = parallel.map(run.shell, functools.partial(signer.trusted, run), tuple(names))
    wanted = Wanted(image.digest, commit, "", signers)
    for each in trust.read(run.shell, run.aws, image, commit):
        if each.statement and each.statement.kind == SBOM and not wanted.refusal(each):
            return each.statement, ""
    return None, f"no SBOM signed by {' or '.join(names)} is beside the image"
