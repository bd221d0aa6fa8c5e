"""Signs what is said of an image, and attaches it: an SBOM from its layers, and a provenance of the commit.

    recipe, layers -> Draft --(beside the push)--> is a valid one there? --> signed --> attached --> the commit's tag

Only the run that builds an image signs it. An image that an earlier run tagged is built again first, because everyone
who may push can tag any image. So the tag of the commit comes last, and a run that was cut off before it leaves an
image without a tag, which the next run builds and signs. A dirty work tree is not signed: no commit has its content.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from delivery.attestation import PROVENANCE, Statement
from delivery.aws import ecr, referrers
from delivery.aws.distribution import Repository
from delivery.aws.referrers import Referrer
from delivery.context import RunContext
from delivery.image import inspect, provenance, recipe, sbom, signer, trust
from delivery.image.inspect import InspectedImage
from delivery.image.layers import Blobs
from delivery.image.recipe import Recipe
from delivery.image.signer import Signer
from delivery.image.trust import Wanted
from delivery.process import parallel
from delivery.reference import PushedImage

Content = tuple[InspectedImage, Blobs]
"""An image with its manifest and configuration, and its blobs."""


@dataclass(frozen=True)
class Draft:
    """What will be said of an image: its provenance, and its SBOM, which is made only if it is missing."""

    image: PushedImage
    provenance: Mapping[str, Any]
    sbom: Callable[[], Mapping[str, Any]]

    def statement(self, kind: str) -> Statement:
        """One of the two statements. Raises BuildError for a layer that cannot be read, or CloudError."""
        predicate = self.provenance if kind == PROVENANCE else self.sbom()
        return Statement(kind, self.image.name, self.image.digest, predicate)


def drafts(
    run: RunContext, images: Iterable[PushedImage], resolved: Mapping[str, str], layouts: Mapping[str, Content]
) -> tuple[Signer, tuple[Draft, ...]]:
    """The signer, and the drafts of images that this run has built.

    `resolved`: the digests of bases, as the build found them. `layouts`: image name to the content of a new image on
    this machine; its SBOM is made now, that of any other image from the registry if it is missing. Raises
    ConfigurationError, BuildError or CloudError.
    """
    by, recipes = parallel.both(
        run.shell, lambda: signer.of_settings(run), lambda: recipe.read(run.settings, run.shell)
    )
    known = {name: each.resolved(resolved) for name, each in recipes.items()}
    return by, tuple(_draft(run, image, known[image.name], layouts.get(image.name)) for image in images)


def missing(run: RunContext, by: Signer, image: PushedImage) -> tuple[str, ...]:
    """The kinds of statements that no valid attestation beside the image makes: by this signer, of this commit, and of
    this workflow. A person's own name matters to nobody. Raises RefusedError or CloudError.
    """
    builder = provenance.builder(run.shell.variables, run.aws.caller_arn()).id
    wanted = Wanted(image.digest, run.commit.sha, builder if "@refs/" in builder else "", (by,))
    there = trust.fitting(wanted, trust.read(run.shell, run.aws, image, run.commit.sha))
    return tuple(kind for kind in trust.KINDS if kind not in there)


def attach(run: RunContext, by: Signer, draft: Draft) -> None:
    """Sign and attach what is missing beside an image. Raises RefusedError, BuildError or CloudError."""
    repository = Repository(ecr.authorize(run.aws), draft.image.repository_name)

    def attach_one(kind: str) -> None:
        bundle = by.sign(draft.statement(kind).payload())
        about = Referrer("", kind, run.commit.sha if kind == PROVENANCE else "")
        referrers.attach(repository, draft.image, bundle.content, about)

    parallel.map(run.shell, attach_one, missing(run, by, draft.image))


def _draft(run: RunContext, image: PushedImage, how: Recipe, content: Content | None) -> Draft:
    made = provenance.make(run, how)
    if content is None:
        return Draft(image, made, functools.partial(_sbom_of_pushed, run, image, how))
    bom = sbom.make(*content, how)
    return Draft(image, made, lambda: bom)


def _sbom_of_pushed(run: RunContext, image: PushedImage, how: Recipe) -> Mapping[str, Any]:
    access = ecr.authorize(run.aws)
    return sbom.make(inspect.pushed(run.aws, image, access), Blobs(Repository(access, image.repository_name).blob), how)
