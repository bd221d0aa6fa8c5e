"""Bad input and a bad world: each ends with its exit code, one clear message, what to type, and nothing changed."""

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from support.deploys.checkout import BUCKET, REPOSITORY
from support.deploys.refusals import plain, refused

DOCKERFILE = "src/lambdas/sse_streaming/Dockerfile"


@pytest.fixture
def clone(deployed):
    """The deployed clone; its files are put back and its alias must not have moved."""
    checkout, _ = deployed
    before = {name: (checkout.root / name).read_text() for name in (DOCKERFILE, "invoke.yaml")}
    live, versions = checkout.live(), checkout.versions()
    yield checkout
    for name, text in before.items():
        (checkout.root / name).write_text(text)
    assert (checkout.live(), checkout.versions()) == (live, versions)


def elsewhere(clone, **settings):
    """Add an environment `elsewhere`: another account of the same emulator, reached by plain settings."""
    document = yaml.safe_load((clone.root / "invoke.yaml").read_text())
    variables = {**plain(clone.settings["variables"]), "AWS_ACCESS_KEY_ID": "333333333333"}
    document["environments"]["elsewhere"] = {
        "account": "333333333333",
        "region": "us-east-1",
        "registry": clone.settings["registry"],
        "variables": variables,
        **settings,
    }
    (clone.root / "invoke.yaml").write_text(yaml.safe_dump(document))


def set_up(clone, place):
    """Leave in the account `elsewhere` the record of a bootstrap."""
    storage = clone.client("s3", account="333333333333")
    outputs = {"repositories": {"value": {"sse-streaming": {}}}}
    storage.create_bucket(Bucket=f"elsewhere-{place}-terraform-state")
    body = json.dumps({"version": 4, "outputs": outputs})
    storage.put_object(Bucket=f"elsewhere-{place}-terraform-state", Key="foundation.tfstate", Body=body)


def test_an_unknown_environment_names_the_known_ones(clone):
    refused(clone.invoke("deploy", "--env", "prdo"), 2, "Unknown environment: prdo", "sandbox, preprod, prod")


def test_a_malformed_setting_names_its_key_and_file(clone):
    clone.edit("invoke.yaml", 'account: "111111111111"', "account: 1111")
    refused(clone.invoke("deploy", "--env", "preprod"), 2, "environments.preprod.account", "invoke.yaml")


def test_a_terraform_that_is_too_old_is_named_with_its_version(clone, tmp_path):
    fake = tmp_path / "terraform"
    fake.write_text('#!/bin/sh\necho \'{"terraform_version": "1.9.8"}\'\n')
    fake.chmod(0o755)
    path = f"{tmp_path}:{Path(shutil.which('git')).parent}:/usr/bin:/bin"
    refused(clone.invoke("deploy", "--env", "sandbox", PATH=path), 3, "terraform 1.9.8 is too old; 1.11")


def test_without_terraform_it_says_how_to_get_it(clone, tmp_path):
    for name in ("git", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name))
    refused(clone.invoke("deploy", "--env", "sandbox", PATH=str(tmp_path)), 3, "terraform was not found", "install")


def test_credentials_of_another_account_are_refused_before_anything_is_read(clone):
    elsewhere(clone, account="444444444444")
    refused(clone.invoke("deploy", "--env", "elsewhere"), 4, "belong to account 333333333333", "444444444444")


def test_an_aws_that_cannot_be_reached_is_reported_as_unreachable(clone):
    nobody = dict.fromkeys(("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"), "http://127.0.0.1:9")
    elsewhere(clone, variables={**plain(clone.settings["variables"]), **nobody})
    refused(clone.invoke("deploy", "--env", "elsewhere"), 8, "cannot be reached", "127.0.0.1:9")


def test_a_missing_repository_says_bootstrap(clone):
    elsewhere(clone)
    output = "The repository does not exist: elsewhere-sse-streaming-lambda"
    refused(clone.invoke("deploy", "--env", "elsewhere"), 8, output, "invoke bootstrap --env elsewhere")


def test_a_state_bucket_of_another_account_is_refused(clone):
    elsewhere(clone, state_bucket=BUCKET)
    refused(clone.invoke("deploy", "--env", "elsewhere"), 4, f"{BUCKET} belongs to another account", "333333333333")
    refused(clone.invoke("releases", "--env", "elsewhere"), 4, f"{BUCKET} belongs to another account", "333333333333")


def test_a_base_image_that_does_not_exist_is_named(clone):
    pinned = re.search("^FROM python.* AS base$", (clone.root / DOCKERFILE).read_text(), re.MULTILINE)[0]
    clone.edit(DOCKERFILE, pinned, "FROM nobody/has-this:1 AS base")
    refused(clone.invoke("deploy", "--env", "sandbox"), 8, "The registry of the base image", "nobody/has-this")


def test_a_dockerfile_that_does_not_build_names_the_step_and_shows_its_last_twenty_lines(clone):
    clone.edit(DOCKERFILE, "USER 65532:65532", "RUN seq 1 50 && exit 3\nUSER 65532:65532")
    outcome = clone.invoke("deploy", "--env", "sandbox")
    refused(outcome, 5, "RUN seq 1 50 && exit 3", "exit code: 3")
    shown = re.findall(r"^  (\d+)$", outcome.text, re.MULTILINE)
    assert shown == [str(number) for number in range(31, 51)]
    assert "✓ plan" not in outcome.text, "it runs beside the build, which stops it"
    assert not clone.locked()


def test_a_registry_that_is_down_is_named(clone):
    clone.client("ecr")  # the sandbox is up
    elsewhere(clone, registry="127.0.0.1:9")
    other = clone.client("ecr", account="333333333333")
    other.create_repository(repositoryName="elsewhere-sse-streaming-lambda")
    set_up(clone, "333333333333-us-east-1")
    try:
        refused(clone.invoke("push-image", "--env", "elsewhere"), 8, "The registry 127.0.0.1:9 refused the login")
    finally:
        other.delete_repository(repositoryName="elsewhere-sse-streaming-lambda", force=True)


def test_a_missing_state_bucket_says_bootstrap(clone):
    clone.edit("invoke.yaml", "    bootstraps: true\n", "    state_bucket: nobody-made-this\n")
    outcome = clone.invoke("tf-plan", "--env", "sandbox")
    assert clone.client("s3").head_bucket(Bucket=BUCKET)
    refused(outcome, 8, "not set up by a bootstrap: sse-streaming", "invoke bootstrap --env sandbox")


def test_a_held_lock_names_its_holder_and_is_removed_only_by_its_id(clone):
    now = datetime.now(UTC)
    lock = {
        "ID": "0b3d1f6e-5d4b-4f0e-9f0a-3c2b1a000001",
        "Operation": "OperationTypeApply",
        "Who": "ada@laptop",
        "Version": "1.11.4",
        "Created": now.isoformat().replace("+00:00", "Z"),
        "Info": "",
        "Path": f"{BUCKET}/service.tfstate",
    }
    clone.client("s3").put_object(Bucket=BUCKET, Key="service.tfstate.tflock", Body=json.dumps(lock))
    outcome = clone.invoke("deploy", "--env", "sandbox")
    refused(outcome, 6, f"locked by ada@laptop since {now:%Y-%m-%d}", "unlock --env sandbox --stack service")
    refused(clone.invoke("unlock", "--env", "sandbox"), 4, "on another machine", f"--stack service --lock {lock['ID']}")
    assert clone.locked()
    released = clone.invoke("unlock", "--env", "sandbox", "--lock", lock["ID"])
    assert released.code == 0, released.text
    assert not clone.locked()
    assert "is not locked" in clone.invoke("unlock", "--env", "sandbox").text


def test_a_tag_is_no_image_uri_for_terraform(clone):
    images = {"sse-streaming": f"{clone.settings['registry']}/{REPOSITORY}:latest"}
    given = {"environment": "sandbox", "account": "000000000000", "region": "us-east-1"}
    variables = [f"-var={name}={value}" for name, value in (given | {"images": json.dumps(images)}).items()]
    # The tasks pass digests alone; so ask Terraform itself.
    outcome = clone.terraform("plan", "-input=false", *variables)
    assert outcome.code == 1
    assert "a tag can move" in outcome.text
