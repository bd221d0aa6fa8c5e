"""`invoke bootstrap`: make the state bucket, the image repositories and the CI roles of an environment.

Terraform keeps its state in the bucket, so the bucket must exist first: an API call makes it, and Terraform adopts it
with an `import` block. A repository must exist before its first image. A second bootstrap changes nothing.
"""

from collections.abc import Callable
from typing import Any

from delivery.aws import bucket, ecr
from delivery.aws.kms import NOTATION
from delivery.context import RunContext
from delivery.errors import CloudError
from delivery.image import bake
from delivery.process import parallel
from delivery.settings import FILE
from delivery.terraform import execute, stages, state, variables
from delivery.terraform.plan import Plan

STACK = "foundation"
# Outputs to variables of the GitHub repository
_ROLES = {"ci_role": "ROLE_ARN", "reader_role": "READER_ROLE_ARN", "signer_role": "SIGNER_ROLE_ARN"}


def needed(run: RunContext, names: tuple[str, ...]) -> bool:
    """Whether the state bucket or a repository is missing, or a bootstrap did not set a repository up.

    Raises RefusedError, TerraformError or CloudError.
    """
    images = bake.images(run.settings, names)
    checks: tuple[Callable[[], bool], ...] = (
        lambda: not bucket.exists(run.aws),
        lambda: bool(_unknown(run, names)),
        lambda: bool(ecr.missing_repositories(run.aws, images)),
    )
    return any(parallel.map(run.shell, lambda check: check(), checks))


def require(run: RunContext, names: tuple[str, ...]) -> None:
    """Raises CloudError unless each of these images has a repository, and a bootstrap set it up.

    The outputs of infrastructure/foundation say so: a repository that existed before, or that a bootstrap was cut off
    from, may have no policies. Raises RefusedError or TerraformError when the outputs cannot be read.
    """
    images = bake.images(run.settings, names)
    checks: tuple[Callable[[], Any], ...] = (
        lambda: ecr.require_repositories(run.aws, images),
        lambda: _unknown(run, names),
    )
    _, unknown = parallel.map(run.shell, lambda check: check(), checks)
    if unknown:
        raise CloudError(
            f"The repository was not set up by a bootstrap: {', '.join(unknown)}",
            "It may lack the policies that let Lambda pull from it and that keep deployed images.",
            run.settings.environment.command("bootstrap"),
        )


def retired(run: RunContext) -> tuple[str, ...]:
    """The images whose repository is still there although no function runs them. Raises TerraformError or CloudError.

    Their repositories keep their policies: see `plan`.
    """
    running = {deployed.image for deployed in state.functions(run)}
    return _existing(run, tuple(name for name in _recorded(run) if name not in running))


def _recorded(run: RunContext) -> tuple[str, ...]:
    """The images whose repositories the last bootstrap set up."""
    return tuple(sorted(state.outputs(run, STACK).get("repositories", {})))


def _unknown(run: RunContext, names: tuple[str, ...]) -> tuple[str, ...]:
    recorded = _recorded(run)
    return tuple(name for name in names if name not in recorded)


def _existing(run: RunContext, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the images that have a repository."""
    images = bake.images(run.settings, names)
    missing = ecr.missing_repositories(run.aws, images)
    return tuple(sorted(image.name for image in images if image.repository_name not in missing))


def targets(run: RunContext) -> tuple[str, ...]:
    """The names of the images that get a repository: the targets of docker-bake.hcl. Raises ConfigurationError."""
    return bake.targets(run.settings, run.shell)


def plan(run: RunContext, names: tuple[str, ...], destroy: tuple[str, ...] = ()) -> Plan:
    """Make the state bucket if it is missing, and plan the rest for the images with these names.

    A repository that exists is adopted. A repository that no image uses any more stays managed as long as it exists, so
    that its images keep their retention while a function may still run one.

    `destroy`: addresses of resources that a protected environment may lose. Raises RefusedError for any other,
    CloudError or TerraformError.
    """
    environment = run.settings.environment
    left = "the state bucket may have been made; nothing else was changed"
    with run.progress.stage(
        "bootstrap", interrupted=left, after="the state bucket exists; nothing else was made"
    ) as stage:
        if not bucket.exists(run.aws):
            bucket.create(run.aws)
        stack = execute.init(run.settings, STACK, run.shell, stage.update)
        every = {*names, *_existing(run, _recorded(run))}
        values = variables.foundation(run.settings, tuple(sorted(every)), _existing(run, names))
        saved = stages.plan(run, stack, values, stage.update)
        stage.done(saved.counts)
    saved.require_harmless(environment, destroy)
    return saved


def apply(run: RunContext, saved: Plan) -> None:
    """Apply exactly that plan, and print the roles for the workflow. Raises TerraformError or CloudError."""
    left = "Terraform recorded in its state what it had changed"
    with run.progress.stage("foundation", interrupted=left, after="the bucket and the repositories exist") as stage:
        if saved.empty:
            stage.done("nothing to do")
        else:
            stages.apply(run, saved, stage.update)
            stage.done(saved.applied)
    outputs = state.outputs(run, STACK)
    for name, variable in _ROLES.items():
        if arn := outputs.get(name):
            prefix = run.settings.environment.name.upper().replace("-", "_")
            run.progress.detail(f"the repository's variable {prefix}_{variable} is {arn}")
    if key := outputs.get("signing_key"):
        run.progress.detail(f"build.sign_with of {FILE} is {NOTATION}{key}")
