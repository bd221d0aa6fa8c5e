"""`invoke bootstrap`: make the state bucket, the image repositories and the CI roles of an environment.

Terraform keeps its state in the bucket, so the bucket must exist first: an API call makes it, and Terraform adopts it
with an `import` block. A repository must exist before its first image. A second bootstrap changes nothing.
"""

from delivery.aws import ecr
from delivery.aws.session import ClientError, error_code
from delivery.context import RunContext
from delivery.errors import CloudError
from delivery.image import bake
from delivery.settings import FILE
from delivery.terraform import execute, stages, state, variables
from delivery.terraform.plan import Plan

STACK = "foundation"
_ROLES = {"ci_role": "ROLE_ARN", "reader_role": "READER_ROLE_ARN"}  # outputs to variables of the GitHub repository


def needed(run: RunContext, names: tuple[str, ...]) -> bool:
    """Whether the state bucket or a repository is missing. Raises CloudError."""
    images = bake.images(run.settings, names)
    return not bucket_exists(run) or bool(ecr.missing_repositories(run.aws, images))


def targets(run: RunContext) -> tuple[str, ...]:
    """The names of the images that get a repository: the targets of docker-bake.hcl. Raises ConfigurationError."""
    return bake.targets(run.settings, run.shell)


def plan(run: RunContext, names: tuple[str, ...], destroy: tuple[str, ...] = ()) -> Plan:
    """Make the state bucket if it is missing, and plan the rest for the images with these names.

    `destroy`: addresses of resources that a protected environment may lose. Raises RefusedError for any other,
    CloudError or TerraformError.
    """
    environment = run.settings.environment
    left = "the state bucket may have been made; nothing else was changed"
    with run.progress.stage(
        "bootstrap", interrupted=left, after="the state bucket exists; nothing else was made"
    ) as stage:
        if not bucket_exists(run):
            _create_bucket(run, environment.state_bucket)
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


def bucket_exists(run: RunContext) -> bool:
    """Whether the state bucket exists. Raises CloudError."""
    name = run.settings.environment.state_bucket
    with run.aws.explained(f"look for the state bucket {name}"):
        try:
            run.aws.s3.head_bucket(Bucket=name)
        except ClientError as error:
            if error_code(error) in ("404", "NoSuchBucket"):
                return False
            if error_code(error) == "403":
                why = "It belongs to another account, or these credentials may not list it (s3:ListBucket)."
                hint = f"another environments.{run.settings.environment.name}.state_bucket in {FILE}"
                raise CloudError(f"The state bucket {name} is out of reach.", why, hint) from error
            raise
    return True


def _create_bucket(run: RunContext, name: str) -> None:
    region = run.settings.environment.region
    with run.aws.explained(f"create the state bucket {name}"):
        if region == "us-east-1":  # S3 refuses the name of this region: API reference, CreateBucket
            run.aws.s3.create_bucket(Bucket=name)
        else:
            location = {"LocationConstraint": region}
            run.aws.s3.create_bucket(Bucket=name, CreateBucketConfiguration=location)  # type: ignore[arg-type] # a literal
        run.aws.s3.get_waiter("bucket_exists").wait(Bucket=name)
