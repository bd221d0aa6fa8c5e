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
from delivery.image import inspect, sbom, signer, trust
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
    run: RunContext, image: PushedImage, commit: str, recipe: Callable[[], Recipe], known: dict[str, Changes]
) -> Contents:
    """The SBOM of a pushed image. `recipe`: called only if the SBOM is made. `known`: layers that were read already.

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
    return Contents(image, sbom.make(inspect.pushed(run.aws, image, access), blobs, recipe()), unsigned)


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
