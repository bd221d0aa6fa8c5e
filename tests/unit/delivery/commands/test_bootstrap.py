"""A bootstrap creates the state bucket, then the repositories; a second bootstrap changes nothing."""

import json

import pytest
from support.aws import ACCOUNT, FakeEcr, FakeS3
from support.terraform import change
from support.world import NAME, answers, foundation_document, initialised, state_document, world

from delivery.commands import bootstrap
from delivery.errors import RefusedError, TerraformError
from delivery.process.shell import Result
from delivery.settings import Environment

NAMES = ("sse-streaming",)
OLD = NAME.replace("sse-streaming", "old")
CREATE = change("module.repository.aws_ecr_repository.this", "create", after={})
ADOPT = change("aws_s3_bucket.state", "no-op", before={}, after={}, importing={"id": "state"})


def empty(root, *changes, **more):
    """An account without bucket and repositories."""
    made = world(root, answers(*changes, **more))
    made.aws.s3.buckets.clear()
    made.aws.ecr.repositories.clear()
    return made


@pytest.mark.parametrize(
    ("buckets", "repositories", "recorded", "needed"),
    [
        (["state"], {NAME: {}}, "sse-streaming", False),
        (["state"], {NAME: {}}, "another", True),
        ([], {NAME: {}}, "sse-streaming", True),
        (["state"], {}, "sse-streaming", True),
    ],
)
def test_what_is_missing_or_was_not_set_up_needs_a_bootstrap(tmp_path, buckets, repositories, recorded, needed):
    made = world(tmp_path)
    made.aws.s3, made.aws.ecr = FakeS3(*buckets), FakeEcr(repositories)
    made.aws.s3.objects["foundation.tfstate"] = foundation_document(recorded)
    assert bootstrap.needed(made.run, NAMES) == needed


def test_the_repository_of_an_image_that_was_removed_from_the_configuration_stays_managed(tmp_path):
    made = world(tmp_path, answers(CREATE))
    made.aws.ecr.repositories[OLD] = {}
    made.aws.s3.objects["foundation.tfstate"] = foundation_document("old", "deleted", "sse-streaming")
    bootstrap.plan(made.run, NAMES)
    values = json.loads((made.run.scratch / "foundation.tfvars.json").read_text())
    assert (values["images"], values["existing_images"]) == (["old", "sse-streaming"], ["sse-streaming"])
    assert bootstrap.retired(made.run) == ("old",)


def bootstrapped(run):
    saved = bootstrap.plan(run, NAMES)
    bootstrap.apply(run, saved)
    return (*saved.changes, saved.counts)


def test_the_bucket_is_created_before_terraform_runs_and_imported_by_terraform(tmp_path):
    made = empty(tmp_path, CREATE, ADOPT)
    made.shell.answers["terraform init"] = lambda command: (
        initialised(command) if "state" in made.aws.s3.buckets else Result(1, "", "no bucket")
    )
    assert bootstrapped(made.run) == (
        "= adopt aws_s3_bucket.state",
        "+ create module.repository.aws_ecr_repository.this",
        "1 to create, 0 to update, 0 to delete",
    )
    ran = [command.argv[2] for command in made.shell.typed("terraform")]
    assert ran == ["version", "init", "plan", "show", "apply"]
    assert made.shell.ran[0].argv[1].endswith("infrastructure/foundation")
    variables = json.loads((made.run.scratch / "foundation.tfvars.json").read_text())
    assert variables["state_bucket"] == "state"


@pytest.mark.parametrize(
    ("region", "arguments"),
    [
        ("us-east-1", {"Bucket": "state"}),
        ("eu-west-1", {"Bucket": "state", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}),
    ],
)
def test_the_bucket_is_created_in_the_region_of_the_environment(tmp_path, region, arguments):
    environment = Environment("sandbox", ACCOUNT, region, "registry.test:5000", state_bucket="state")
    made = world(tmp_path, answers(), environment=environment)
    made.aws.s3.buckets.clear()
    bootstrapped(made.run)
    assert made.aws.s3.called("create_bucket") == [arguments]


def test_a_second_bootstrap_changes_nothing(tmp_path):
    made = world(tmp_path, answers())
    assert bootstrapped(made.run) == ("no changes: the infrastructure is as described",)
    assert made.aws.s3.called("create_bucket") == []
    assert made.shell.typed("terraform apply") == []
    assert "✓ bootstrap  no changes" in made.out.getvalue()


def test_a_plan_that_only_imports_the_bucket_is_applied(tmp_path):
    made = world(tmp_path, answers(ADOPT))
    bootstrapped(made.run)
    assert len(made.shell.typed("terraform apply")) == 1


def test_an_apply_that_fails_is_reported(tmp_path):
    made = empty(tmp_path, CREATE, **{"terraform apply": Result(1, "", "it broke")})
    with pytest.raises(TerraformError, match="it broke"):
        bootstrapped(made.run)


def test_a_bucket_of_another_account_is_refused_before_terraform_runs(tmp_path):
    made = world(tmp_path)
    made.aws.s3 = FakeS3(foreign=["state"])
    with pytest.raises(RefusedError, match="belongs to another account"):
        bootstrapped(made.run)
    assert made.shell.ran == []


def test_a_protected_environment_refuses_a_plan_that_deletes(tmp_path):
    made = world(tmp_path, answers(change("aws_ecr_repository.old", "delete", before={})), protected=True)
    with pytest.raises(RefusedError, match=r"aws_ecr_repository\.old"):
        bootstrapped(made.run)
    assert made.shell.typed("terraform apply") == []


def test_the_check_for_a_bootstrap_reads_only_bucket_and_repositories(tmp_path):
    made = world(tmp_path)
    made.aws.functions = None
    assert not bootstrap.needed(made.run, NAMES)


def test_a_bootstrap_names_the_variables_that_hold_the_roles_of_jobs(tmp_path):
    made = empty(tmp_path, CREATE)
    roles = {"ci_role": {"value": "arn:ci"}, "reader_role": {"value": ""}}
    made.aws.s3.objects["foundation.tfstate"] = state_document(outputs=roles)
    bootstrapped(made.run)
    shown = made.out.getvalue()
    assert "the repository's variable SANDBOX_ROLE_ARN is arn:ci" in shown
    assert "READER" not in shown
    assert "SIGNER" not in shown
    assert "sign_with" not in shown


def test_a_bootstrap_says_how_the_key_that_signs_is_named_in_the_settings(tmp_path):
    made = empty(tmp_path, CREATE)
    alias = "arn:aws:kms:us-east-1:222222222222:alias/prod-images"
    outputs = {"signer_role": {"value": "arn:signer"}, "signing_key": {"value": alias}}
    made.aws.s3.objects["foundation.tfstate"] = state_document(outputs=outputs)
    bootstrapped(made.run)
    shown = made.out.getvalue()
    assert "the repository's variable SANDBOX_SIGNER_ROLE_ARN is arn:signer" in shown
    assert f"build.sign_with of invoke.yaml is awskms:///{alias}" in shown
