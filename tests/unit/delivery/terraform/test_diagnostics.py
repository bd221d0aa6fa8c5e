"""Terraform's machine-readable lines become progress and our own failures."""

from pathlib import Path

import pytest
from support.terraform import LOCKED, NO_BUCKET, NO_PROVIDER, diagnostic, progress
from support.world import ENVIRONMENT

from delivery.terraform.diagnostics import Diagnostics
from delivery.terraform.plan import Stack

STACK = Stack("service", Path("service"), Path("data"), ENVIRONMENT)


def read(*lines):
    output = []
    log = Diagnostics(output.append)
    for line in lines:
        log.feed(line)
    return log, output


@pytest.mark.parametrize("kind", ["apply_start", "apply_progress", "apply_complete", "refresh_start", "init_output"])
def test_progress_is_shown(kind):
    assert read(progress("aws_lambda_function.this: Modifying...", kind))[1] == [
        "aws_lambda_function.this: Modifying..."
    ]


@pytest.mark.parametrize("kind", ["version", "change_summary", "outputs", "resource_drift"])
def test_what_we_say_better_ourselves_is_not_repeated(kind):
    log, output = read(progress("x", kind))
    assert (output, log.errors, log.other) == ([], [], [])


def test_a_lock_names_its_holder_and_the_command_that_releases_it():
    error = read(LOCKED)[0].error("plan", STACK)
    assert error.what == "The state is locked by ada@laptop since 2026-01-02 03:04:05.678 +0000 UTC (apply)."
    assert error.hint == (
        "--lock-wait 5m waits for that run; if it is dead: invoke unlock --env sandbox --stack service"
    )
    assert error.exit_code == 6


@pytest.mark.parametrize(
    "line",
    [
        NO_BUCKET,
        diagnostic("Failed to save state", "operation error S3: PutObject, https response error: NoSuchBucket"),
        diagnostic('Error refreshing state: S3 bucket "state" does not exist.'),
    ],
)
def test_a_missing_state_bucket_leads_to_bootstrap(line):
    error = read(line)[0].error("initialise", STACK)
    assert (error.what, error.hint) == ("The state bucket does not exist.", "invoke bootstrap --env sandbox")


def test_a_provider_that_cannot_be_fetched_is_reported():
    log, _ = read(NO_PROVIDER)
    assert log.providers_unreachable
    error = log.error("initialise", STACK)
    assert error.what == "Terraform's provider cannot be fetched, and no local mirror has it."
    assert "connection refused" in error.why


def test_a_plan_that_another_run_overtook_is_stale():
    stale = diagnostic("Saved plan is stale", "The given plan file can no longer be applied")
    error = read(stale)[0].error("apply", STACK)
    assert "The plan of service is stale" in error.what
    assert "makes a new plan" in error.hint


def test_credentials_that_expired_midway_are_reported():
    line = diagnostic(
        "reading Lambda Function (fn)", "api error ExpiredTokenException: The security token ... is expired"
    )
    error = read(line)[0].error("plan", STACK)
    assert error.what == "The credentials expired before Terraform could plan service."
    assert "renew the credentials" in error.hint


def test_credentials_that_expired_are_no_permission_that_is_missing():
    expired = "operation error S3: ListObjectsV2, https response error StatusCode: 403, api error ExpiredToken: expired"
    error = read(diagnostic("Failed to get existing workspaces", expired))[0].error("initialise", STACK)
    assert error.what == "The credentials expired before Terraform could initialise service."
    assert "s3:ListBucket" not in error.hint


def test_a_lock_that_could_not_be_released_is_not_reported_as_another_run_s_lock():
    detail = "Error message: EOF\nLock Info:\n  ID: 1\n  Who: ada@laptop\nplease call the force-unlock command"
    error = read(diagnostic("Error releasing the state lock", detail))[0].error("plan", STACK)
    assert error.what == "Terraform could not plan service."
    assert "force-unlock" not in error.why
    assert "`invoke unlock --env sandbox --stack service`" in error.why


def test_a_full_disk_is_reported():
    full = diagnostic("Failed to write plan file", "write /run/service.tfplan: no space left on device")
    error = read(full)[0].error("plan", STACK)
    assert (error.exit_code, error.what) == (3, "The disk is full.")
    assert "free some space" in error.hint


def test_any_other_failure_names_the_resource_and_terraform_s_reason():
    log, _ = read(
        diagnostic("creating Lambda Function (fn): ResourceConflictException", "Already there", address="m.x"),
        diagnostic("Second"),
    )
    error = log.error("apply", STACK)
    assert not log.providers_unreachable
    assert error.what == "Terraform could not apply service."
    assert error.why.splitlines() == [
        "creating Lambda Function (fn): ResourceConflictException (m.x): Already there",
        "Second",
    ]


def test_a_warning_is_no_failure():
    assert read(diagnostic("Deprecated", severity="warning"))[0].errors == []


def test_lines_that_are_no_json_are_kept_for_a_failure_without_a_diagnostic():
    log, _ = read(*(f"panic {number}" for number in range(9)))
    assert log.error("plan", STACK).why.splitlines() == [f"panic {number}" for number in range(4, 9)]


@pytest.mark.parametrize("line", ["1", "null", "[]", '"x"', "true"])
def test_json_that_is_no_object_is_only_a_line(line):
    assert read(line)[0].other == [line]


def test_a_lock_without_an_owner_has_an_unknown_owner():
    assert "locked by an unknown owner since" in read(LOCKED.replace("ada@laptop", ""))[0].error("plan", STACK).what


def test_a_value_that_a_variable_refuses_is_a_wrong_setting():
    limit = "An open Function URL (NONE) needs a limit: set reserved_concurrent_executions."
    error = read(diagnostic("Invalid value for variable", limit))[0].error("plan", STACK)
    assert (error.exit_code, error.hint) == (2, "correct infrastructure/service/sandbox.tfvars")
    assert limit in error.why


@pytest.mark.parametrize(
    ("summary", "file", "corrected"),
    [
        ("Invalid value for variable", "ghost.tf", "infrastructure/service/ghost.tf"),
        ("Invalid value for variable", "variables.tf", "infrastructure/service/sandbox.tfvars"),
        ("Invalid value for variable", "sandbox.tfvars", "infrastructure/service/sandbox.tfvars"),
        ("Module output value precondition failed", "outputs.tf", "the module block in infrastructure/service"),
        ("Resource precondition failed", "../modules/image_function/role.tf", "the module block in infrastructure/ser"),
    ],
)
def test_what_a_module_refuses_names_the_file_to_correct(summary, file, corrected):
    error = read(diagnostic(summary, "No image is named ghost.", range={"filename": file}))[0].error("plan", STACK)
    assert error.exit_code == 2
    assert error.hint.startswith(f"correct {corrected}")
    assert "No image is named ghost." in error.why


def test_a_provider_of_github_that_exists_already_says_how_to_use_it():
    detail = "operation error IAM: CreateOpenIDConnectProvider, api error EntityAlreadyExists: Provider exists"
    address = "module.ci_role[0].aws_iam_openid_connect_provider.github[0]"
    error = read(diagnostic("creating IAM OIDC Provider", detail, address=address))[0].error("apply", STACK)
    assert error.what.startswith("The account has GitHub's OIDC provider already")
    assert error.hint.startswith("invoke bootstrap --env sandbox --adopt; or create_oidc_provider = false")
    assert "create_oidc_provider = false in infrastructure/service/sandbox.tfvars" in error.hint


LAMBDA = "operation error Lambda: {}, https response error StatusCode: 409, ResourceConflictException: {}"


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        ("module.api.aws_lambda_function.this", LAMBDA.format("CreateFunction", "Function already exist: sandbox-api")),
        ("module.api.aws_lambda_alias.live[0]", LAMBDA.format("CreateAlias", "Alias already exists: live")),
        (
            "module.api.aws_lambda_function_url.live[0]",
            LAMBDA.format("CreateFunctionUrlConfig", "Failed to create function url config: FunctionUrlConfig exists"),
        ),
        ("module.api.aws_cloudwatch_log_group.this", "api error ResourceAlreadyExistsException: it already exists"),
        ("module.api.aws_iam_role.this", "api error EntityAlreadyExists: Role with name sandbox-api already exists."),
        (
            'module.image_repository["api"].aws_ecr_repository.this',
            "RepositoryAlreadyExistsException: The repository with name 'sandbox-api-lambda' already exists",
        ),
    ],
)
def test_what_a_function_has_already_leads_to_its_adoption(address, detail):
    error = read(diagnostic("creating", detail, address=address))[0].error("apply", STACK)
    assert error.what == "AWS has already what Terraform would create."
    assert error.hint == "invoke bootstrap --env sandbox --adopt, which writes the import blocks"
    assert address in error.why


@pytest.mark.parametrize(
    "address", ["aws_iam_role.this", "module.ci_role[0].aws_iam_role.this", "aws_sqs_queue.orders"]
)
def test_another_thing_that_exists_already_names_the_block_to_write(address):
    error = read(diagnostic("creating", "EntityAlreadyExists: it exists", address=address))[0].error("apply", STACK)
    assert error.what == "AWS has already what Terraform would create."
    assert error.hint.startswith(f"an import block for {address} in infrastructure/service; or remove it")


def test_an_update_that_lambda_refuses_for_a_conflict_is_not_called_existing():
    detail = LAMBDA.format("UpdateFunctionCode", "An update is in progress for resource")
    error = read(diagnostic("updating", detail, address="module.api.aws_lambda_function.this"))[0]
    assert error.error("apply", STACK).what == "Terraform could not apply service."


def test_an_import_of_a_function_that_was_removed_names_the_file_to_correct():
    detail = "The configuration for the given import target module.api.aws_lambda_function.this does not exist."
    error = read(diagnostic("Configuration for import target does not exist", detail))[0].error("plan", STACK)
    assert (error.exit_code, error.hint) == (2, "remove the block from infrastructure/service/adopted.tf")


def test_an_import_of_what_is_gone_leads_to_another_adoption():
    detail = 'While attempting to import an existing object to "module.api.aws_lambda_function.this", the provider ...'
    error = read(diagnostic("Cannot import non-existent remote object", detail))[0].error("plan", STACK)
    assert "does not have" in error.what
    assert error.hint.startswith("invoke bootstrap --env sandbox --adopt")


@pytest.mark.parametrize(
    ("detail", "command"),
    [
        (
            "operation error ECR: DeleteRepository, RepositoryNotEmptyException: The repository with name "
            "'sandbox-api-lambda' in registry with id '000000000000' cannot be deleted",
            "aws ecr delete-repository --force --repository-name sandbox-api-lambda",
        ),
        (
            "ECR Repository (sandbox-api-lambda) not empty, consider using force_delete: RepositoryNotEmptyException",
            "aws ecr delete-repository --force --repository-name sandbox-api-lambda",
        ),
        (
            "deleting S3 Bucket (orders-data): operation error S3: DeleteBucket, api error BucketNotEmpty: The bucket "
            "you tried to delete is not empty",
            "aws s3 rm --recursive s3://orders-data",
        ),
    ],
)
def test_what_is_not_empty_names_the_command_that_empties_it(detail, command):
    error = read(diagnostic(detail, address="x.this"))[0].error("apply", STACK)
    assert f"`{command}`" in error.hint
    assert (error.exit_code, "deletes no" in error.what) == (6, True)


@pytest.mark.parametrize(
    "detail",
    [
        'requested bucket from "us-east-1", actual location "eu-west-1"',
        "operation error S3: ListObjectsV2, https response error StatusCode: 301, api error PermanentRedirect",
    ],
)
def test_a_state_bucket_in_another_region_names_the_setting(detail):
    error = read(diagnostic("Failed to get existing workspaces", detail))[0].error("initialise", STACK)
    assert error.what == "The state bucket is not in us-east-1, the region of sandbox."
    assert error.hint.startswith("environments.sandbox.region or environments.sandbox.state_bucket in invoke.yaml")


def test_a_wrong_clock_is_named():
    error = read(diagnostic("reading", "api error RequestTimeTooSkewed: The difference is too large."))[0]
    assert "the clock of this machine is wrong" in error.error("apply", STACK).what
    assert error.error("apply", STACK).exit_code == 8


def test_a_provider_of_this_machine_that_replaces_the_locked_one_is_refused():
    detail = "The following overrides are set in the CLI configuration:\n - {} in /x\n\nThe behavior may differ."
    log = Diagnostics(print, providers=("hashicorp/aws",))
    for provider in ("hashicorp/other", "hashicorp/aws"):
        assert log.errors == [], "an override of a provider that is not used is no error"
        summary = "Provider development overrides are in effect"
        log.feed(diagnostic(summary, detail.format(provider), severity="warning"))
    error = log.error("plan", STACK)
    assert (error.exit_code, "dev_overrides" in error.hint) == (4, True)
