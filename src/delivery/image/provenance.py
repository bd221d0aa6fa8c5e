"""How an image was made: the predicate of SLSA's provenance 1.0, https://slsa.dev/spec/v1.0/provenance.

It says what the builder did; whether the builder may be believed, the signature says. Without times: the same build by
the same run gives the same bytes. Nothing of it is a secret: of the variables of docker-bake.hcl only those below are
named, and no build argument, proxy, index or token is.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from delivery.context import RunContext
from delivery.git import Commit
from delivery.image import bake, purl
from delivery.image.dockerfile import Base
from delivery.image.recipe import Recipe

_BUILD_TYPE = "https://docs.docker.com/build/bake/"
_VARIABLES = ("COMMIT", "ENVIRONMENT", "PLATFORM", "REGISTRY")
_LOCAL = "git:local"  # the source of a person's build, which has no address that others could fetch


@dataclass(frozen=True)
class Builder:
    """Who builds. `id`: a URI. `source`: the repository and ref. `run`: the page of the run; empty for a person."""

    id: str
    source: str = _LOCAL
    run: str = ""


def make(run: RunContext, recipe: Recipe) -> dict[str, Any]:
    """The provenance of an image that this run builds. Raises CloudError or ConfigurationError."""
    variables = bake.variables(run.settings, run.commit, run.shell.variables)
    return predicate(recipe, run.commit, variables, builder(run.shell.variables, run.aws.caller_arn()))


def builder(environ: Mapping[str, str], person: str) -> Builder:
    """The workflow of GitHub that runs this, or the person. `person`: the ARN of the credentials.

    https://docs.github.com/en/actions/reference/workflows-and-actions/variables: GITHUB_WORKFLOW_REF is
    OWNER/NAME/.github/workflows/FILE@REF.
    """
    server, workflow = environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_WORKFLOW_REF", "")
    repository, ref = environ.get("GITHUB_REPOSITORY", ""), environ.get("GITHUB_REF", "")
    if environ.get("GITHUB_ACTIONS") != "true" or not all((server, workflow, repository, ref)):
        return Builder(person)
    run = f"{server}/{repository}/actions/runs/{environ.get('GITHUB_RUN_ID', '')}"
    attempt = f"{run}/attempts/{environ.get('GITHUB_RUN_ATTEMPT', '')}"
    return Builder(f"{server}/{workflow}", f"git+{server}/{repository}@{ref}", attempt)


def predicate(recipe: Recipe, commit: Commit, variables: Mapping[str, str], by: Builder) -> dict[str, Any]:
    """The provenance of the image of a recipe. `variables`: those of docker-bake.hcl.

    Of a dirty commit the source has no digest: what was built is in no commit.
    """
    named = {name: variables[name] for name in _VARIABLES if variables.get(name)}
    source: dict[str, Any] = {"uri": by.source}
    if not commit.dirty:
        source["digest"] = {"gitCommit": commit.sha}
    about: dict[str, Any] = {"builder": {"id": by.id}}
    return {
        "buildDefinition": {
            "buildType": _BUILD_TYPE,
            "externalParameters": {"target": recipe.target, "variables": named},
            "resolvedDependencies": [source, *_files(recipe.files), *map(_image, recipe.images)],
        },
        "runDetails": {**about, "metadata": {"invocationId": by.run}} if by.run else about,
    }


def _files(files: Mapping[str, bytes]) -> Iterable[dict[str, Any]]:
    for path, content in sorted(files.items()):
        yield {"name": path, "digest": {"sha256": hashlib.sha256(content).hexdigest()}}


def _image(base: Base) -> dict[str, Any]:
    """https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md."""
    described: dict[str, Any] = {"name": base.name, "uri": purl.of_base(base)}
    if base.digest:
        described["digest"] = {"sha256": base.digest.removeprefix("sha256:")}
    return described
