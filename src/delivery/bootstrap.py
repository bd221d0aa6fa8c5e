"""Bucket before state, repository before image: one idempotent story.

The bucket is made by an API call when it is missing; Terraform then adopts it with an `import` block and keeps its
own state in it.
"""

import functools

from delivery import docker, lock, registry, state, terraform
from delivery.aws import ClientError, code, explained
from delivery.errors import CloudError
from delivery.plan import Plan
from delivery.settings import FILE, Environment
from delivery.workbench import Workbench

STACK = "foundation"
_ROLES = {"ci_role": "ROLE_ARN", "reader_role": "READER_ROLE_ARN"}  # outputs to variables of the GitHub repository


def needed(bench: Workbench, names: tuple[str, ...]) -> bool:
    """Whether the state bucket or a repository is missing. Raises CloudError."""
    images = docker.images(bench.settings, names, bench.source)
    return not bucket_exists(bench) or bool(registry.missing_repositories(bench.aws, images))


def plan(bench: Workbench, names: tuple[str, ...], destroy: tuple[str, ...] = ()) -> Plan:
    """Make the state bucket when it is missing, and plan everything else, in words that stay on the screen.

    Raises CloudError, TerraformError, or RefusedError for a plan that destroys in a protected environment
    what `destroy` does not name.
    """
    where = bench.settings.environment
    with bench.progress.stage("bootstrap") as stage:
        if not bucket_exists(bench):
            _create_bucket(bench, where.state_bucket)
        stack = terraform.init(bench.settings, STACK, bench.shell, stage.say)
        values = {**vars_of(where), "state_bucket": where.state_bucket, "images": names}
        work = functools.partial(terraform.plan, stack, values, bench.scratch, bench.shell, stage.say)
        saved = lock.patiently(bench.aws, stack, bench.shell, stage.say, work)
        stage.done(saved.words()[-1])
    for words in saved.words()[:-1]:
        bench.progress.line(f"    {words}")
    saved.require_harmless(where, destroy)
    return saved


def apply(bench: Workbench, saved: Plan) -> None:
    """Apply exactly that plan, and say which roles jobs may take. Raises TerraformError or CloudError."""
    with bench.progress.stage("foundation") as stage:
        if saved.empty:
            stage.done("nothing to do")
        else:
            work = functools.partial(terraform.apply, saved, bench.shell, stage.say)
            lock.patiently(bench.aws, saved.stack, bench.shell, stage.say, work)
            stage.done(saved.done())
    outputs = state.outputs(bench, STACK)
    for name, variable in _ROLES.items():
        if arn := outputs.get(name):
            prefix = bench.settings.environment.name.upper().replace("-", "_")
            bench.progress.detail(f"the repository's variable {prefix}_{variable} is {arn}")


def vars_of(where: Environment) -> dict[str, object]:
    """What every root module is told of its environment, so that invoke.yaml has the last word."""
    return {"environment": where.name, "account": where.account, "region": where.region}


def bucket_exists(bench: Workbench) -> bool:
    """Whether the state bucket is there. Raises CloudError."""
    name = bench.settings.environment.state_bucket
    with explained(f"look for the state bucket {name}"):
        try:
            bench.aws.s3.head_bucket(Bucket=name)
        except ClientError as error:
            if code(error) in ("404", "NoSuchBucket"):
                return False
            if code(error) == "403":
                why = "It belongs to another account, or these credentials may not see it (s3:ListBucket)."
                hint = f"another environments.{bench.settings.environment.name}.state_bucket in {FILE}"
                raise CloudError(f"The state bucket {name} is out of reach.", why, hint) from error
            raise
    return True


def _create_bucket(bench: Workbench, name: str) -> None:
    region = bench.settings.environment.region
    with explained(f"create the state bucket {name}"):
        if region == "us-east-1":  # the one region that may not be named; S3 API, CreateBucket
            bench.aws.s3.create_bucket(Bucket=name)
        else:
            where = {"LocationConstraint": region}
            bench.aws.s3.create_bucket(Bucket=name, CreateBucketConfiguration=where)  # type: ignore[arg-type] # a literal
        bench.aws.s3.get_waiter("bucket_exists").wait(Bucket=name)
