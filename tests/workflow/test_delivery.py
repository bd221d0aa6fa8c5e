"""A push to main: every job runs, and prod serves the bytes that preprod verified."""

import re
import subprocess

import pytest
import yaml
from pipeline import ACCOUNTS

JOBS = ["checks", "build-sse-image-preprod", "deploy-preprod", "verify-preprod", "validation-gate", "promote-prod"]


def head(pipeline):
    words = ["git", "rev-parse", "HEAD"]
    return subprocess.run(words, cwd=pipeline.clone.root, check=True, capture_output=True, text=True).stdout.strip()


def stored(pipeline, environment, tag):
    """Digest and bytes of the manifest that carries a tag in an environment's account."""
    ecr = pipeline.clone.client("ecr", ACCOUNTS[environment])
    name = f"{environment}-sse-streaming-lambda"
    (image,) = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageTag": tag}])["images"]
    return image["imageId"]["imageDigest"], image["imageManifest"]


def test_every_job_ran_and_ended_well_in_the_order_of_their_needs(shipped):
    _, run = shipped
    assert list(run.jobs.items()) == [(job, "success") for job in [*JOBS, "summary"]]


@pytest.mark.parametrize("tag", ["commit", "latest", "release-1"])
def test_preprod_and_prod_hold_the_same_bytes_under_the_commit_latest_and_the_release(shipped, tag):
    pipeline, _ = shipped
    tag = head(pipeline) if tag == "commit" else tag
    assert stored(pipeline, "preprod", tag) == stored(pipeline, "prod", tag)


@pytest.mark.parametrize("environment", ACCOUNTS)
def test_the_live_alias_of_each_account_serves_that_digest(shipped, environment):
    pipeline, _ = shipped
    functions = pipeline.clone.client("lambda", ACCOUNTS[environment])
    found = functions.get_function(FunctionName=f"{environment}-sse-streaming", Qualifier="live")
    assert found["Code"]["ImageUri"].endswith(f"@{stored(pipeline, 'preprod', head(pipeline))[0]}")
    assert found["Configuration"]["Version"] == "1"


def test_prod_promotes_deploys_and_verifies_in_the_one_job_that_is_approved_and_builds_nothing(shipped):
    _, run = shipped
    said = run.said["promote-prod"]
    tasks = re.findall(r"✓ `invoke (\w+) ", said)
    assert tasks == ["promote", "deploy", "verify"]
    assert "already in the registry" in said
    assert " steps, " not in said
    assert "9 steps, " in run.said["build-sse-image-preprod"]


def test_only_digest_and_tag_leave_a_job_and_they_are_those_of_the_image(shipped):
    pipeline, run = shipped
    outputs = set(re.findall(r"set-output:: (.+)", run.text))
    assert outputs == {f"digest={stored(pipeline, 'preprod', 'latest')[0]}", f"tag={head(pipeline)}"}


def test_each_job_that_runs_a_task_says_in_its_summary_what_came_out_and_where_the_time_went(shipped):
    _, run = shipped
    for job in ("build-sse-image-preprod", "deploy-preprod", "verify-preprod", "promote-prod"):
        assert "```mermaid\ngantt\n" in run.said[job], job
    assert re.search(r"\| build \| 9 steps, \d cached", run.said["build-sse-image-preprod"])
    assert "+ create module.sse_streaming.aws_lambda_function.this" in run.said["deploy-preprod"]
    assert re.search(r"\| verify \| .*first after \d+ ms", run.said["verify-preprod"])
    assert "| ✓ | promote-prod | success |" in run.said["summary"]


def test_the_gate_lets_the_digest_through_that_was_built_and_no_other(shipped):
    pipeline, _ = shipped
    workflow = yaml.safe_load((pipeline.clone.root / ".github/workflows/deploy.yml").read_text())
    line = workflow["jobs"]["validation-gate"]["steps"][0]["run"]
    cases = {("a", "a"): True, ("a", "b"): False, ("", ""): False}
    for (built, verified), through in cases.items():
        environ = {"BUILT": built, "VERIFIED": verified}
        assert (subprocess.run(["bash", "-e", "-c", line], env=environ, check=False).returncode == 0) is through
