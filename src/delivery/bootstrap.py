"""Bucket before state, repository before image: one idempotent story.

The bucket is made by an API call when it is missing; Terraform then adopts it with an `import` block and keeps its
own state in it.
"""

import re

from delivery import docker, registry, terraform
from delivery.aws import ClientError, code, explained
from delivery.errors import CloudError, ConfigurationError
from delivery.workbench import Workbench

STACK = "registry"


def needed(bench: Workbench, names: tuple[str, ...]) -> bool:
    """Whether the state bucket or a repository is missing. Raises CloudError."""
    images = docker.images(bench.settings, names, bench.source)
    return not bucket_exists(bench) or bool(registry.missing_repositories(bench.aws, images))


def bootstrap(bench: Workbench, names: tuple[str, ...]) -> tuple[str, ...]:
    """Make the state bucket and the repositories; returns what changed, in words.

    Raises CloudError or TerraformError.
    """
    with bench.progress.stage("bootstrap") as stage:
        if not bucket_exists(bench):
            _create_bucket(bench, bucket(bench))
        stack = terraform.init(bench.settings, STACK, bench.shell, stage.say)
        plan = terraform.plan(stack, {"images": names}, bench.shell, stage.say)
        plan.require_harmless(bench.settings.environment)
        words = plan.words()
        if not plan.empty:
            terraform.apply(plan, bench.shell, stage.say)
        stage.done(words[-1])
    return words


def bucket(bench: Workbench) -> str:
    """The state bucket that the backend's file names. Raises ConfigurationError."""
    name = f"{bench.settings.environment.name}.backend.hcl"
    file = bench.settings.root / "infrastructure" / STACK / name
    match = re.search(r'^\s*bucket\s*=\s*"([^"]+)"', file.read_text(), re.MULTILINE) if file.exists() else None
    if not match:
        raise ConfigurationError(
            f"Missing setting bucket in infrastructure/{STACK}/{name}.",
            "It names the S3 bucket of Terraform's state.",
            'bucket = "..." in that file',
        )
    return match[1]


def bucket_exists(bench: Workbench) -> bool:
    """Whether the state bucket is there. Raises CloudError."""
    name = bucket(bench)
    with explained(f"look for the state bucket {name}"):
        try:
            bench.aws.s3.head_bucket(Bucket=name)
        except ClientError as error:
            if code(error) in ("404", "NoSuchBucket"):
                return False
            if code(error) == "403":
                why = "It belongs to another account, or these credentials may not see it (s3:ListBucket)."
                hint = f"another bucket in infrastructure/{STACK}/{bench.settings.environment.name}.backend.hcl"
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
            bench.aws.s3.create_bucket(Bucket=name, CreateBucketConfiguration=where)  # type: ignore[arg-type]
