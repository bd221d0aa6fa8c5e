"""`invoke bootstrap`: make the state bucket, the image repositories and the CI roles of an environment.

Terraform keeps its state in the bucket, so the bucket must exist first: an API call makes it, and Terraform adopts it
with an `import` block. A repository must exist before its first image. A second bootstrap changes nothing.
"""

from delivery.aws import bucket, ecr, regions
from delivery.context import RunContext
from delivery.image import bake
from delivery.terraform import execute, stages, state, variables
from delivery.terraform.plan import Plan

STACK = "foundation"
_ROLES = {"ci_role": "ROLE_ARN", "reader_role": "READER_ROLE_ARN"}  # outputs to variables of the GitHub repository


def needed(run: RunContext, names: tuple[str, ...]) -> bool:
    """Whether the state bucket or a repository is missing. Raises CloudError."""
    images = bake.images(run.settings, names)
    return not bucket.exists(run.aws) or bool(ecr.missing_repositories(run.aws, images))


def targets(run: RunContext) -> tuple[str, ...]:
    """The names of the images that get a repository: the targets of docker-bake.hcl. Raises ConfigurationError."""
    return bake.targets(run.settings, run.shell)


def plan(run: RunContext, names: tuple[str, ...], destroy: tuple[str, ...] = ()) -> Plan:
    """Make the state bucket if it is missing, and plan the rest for the images with these names.

    `destroy`: addresses of resources that a protected environment may lose. Raises RefusedError for any other,
    CloudError or TerraformError.
    """
    environment = run.settings.environment
    regions.require_function_urls(environment)
    left = "the state bucket may have been made; nothing else was changed"
    with run.progress.stage(
        "bootstrap", interrupted=left, after="the state bucket exists; nothing else was made"
    ) as stage:
        if not bucket.exists(run.aws):
            bucket.create(run.aws)
        stack = execute.init(run.settings, STACK, run.shell, stage.update)
        saved = stages.plan(run, stack, variables.foundation(run.settings, names), stage.update)
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
