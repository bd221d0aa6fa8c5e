"""After a push to main, every job has run, and prod serves the bytes that preprod verified."""

import re
import subprocess

import pytest
import yaml
from support.workflow.pipeline import ACCOUNTS, JOBS

RUNS_TASKS = [job for job in JOBS if job not in ("checks", "summary")]


def test_every_job_succeeds_in_the_order_of_its_needs(main_run):
    assert list(main_run.results.items()) == [(job, "success") for job in JOBS]


@pytest.mark.usefixtures("main_run")
@pytest.mark.parametrize("tag", ["commit", "latest", "release-1"])
def test_preprod_and_prod_have_the_same_manifest_under_each_tag(pipeline, tag):
    tag = pipeline.clone.head() if tag == "commit" else tag
    assert pipeline.manifest("preprod", tag) == pipeline.manifest("prod", tag)


@pytest.mark.usefixtures("main_run")
@pytest.mark.parametrize("environment", ACCOUNTS)
def test_the_live_alias_of_each_account_serves_the_image_of_the_commit(pipeline, environment):
    function = pipeline.live(environment)
    digest, _ = pipeline.manifest("preprod", pipeline.clone.head())
    assert function["Code"]["ImageUri"].endswith(f"@{digest}")
    assert function["Configuration"]["Version"] == "1"


def test_the_image_is_promoted_after_the_gate_has_recorded_that_it_passed_the_acceptance_tests(pipeline, main_run):
    digest, _ = pipeline.manifest("preprod", "latest")
    assert tasks(main_run, "validation-gate") == ["acceptance"]
    assert "::test_the_status_names_the_version PASSED" in main_run.logs["validation-gate"]
    tags = {environment: pipeline.tags(environment) for environment in ACCOUNTS}
    assert [tags["preprod"][tag] for tag in tags["preprod"] if tag.startswith("accepted-")] == [digest]
    assert [tag for tag in tags["prod"] if tag.startswith("accepted-")] == []


def test_the_job_that_pushes_signs_as_prod_s_role_and_prod_requires_it(main_run):
    """prod trusts a key of its own account; nothing of preprod can use it."""
    pushed = main_run.logs["build-sse-image-preprod"]
    assert re.search(r"signed by awskms:///\S+:222222222222:alias/prod-images", pushed), pushed
    assert "2 attestations" in main_run.logs["promote-prod"], main_run.logs["promote-prod"]
    assert "✓ trust" in main_run.logs["promote-prod"], main_run.logs["promote-prod"]


def test_one_job_promotes_to_prod_and_deploys_there_without_a_build(main_run):
    assert tasks(main_run, "promote-prod") == ["promote", "deploy"]
    assert build_steps(main_run, "promote-prod") == []
    assert build_steps(main_run, "build-sse-image-preprod") in ([8], [9])  # a base that stands in is no step


@pytest.mark.parametrize("job", ["deploy-preprod", "verify-preprod", "promote-prod"])
def test_each_job_that_deploys_or_verifies_runs_one_verification(main_run, job):
    assert len(re.findall(r"\| ✓ \| verify \| .*first after \d+ ms", summary(main_run, job))) == 1


def test_each_job_gives_digest_and_tag_of_the_image_and_a_deploy_the_address(pipeline, main_run):
    digest, _ = pipeline.manifest("preprod", "latest")
    image = {"digest": digest, "tag": pipeline.clone.head()}
    inner = {"key", "missing", "hit", "cache-hit"}  # of the action `environment`, which gives none of them on
    outputs = {job: {n: v for n, v in each.items() if n not in inner} for job, each in main_run.outputs.items()}
    urls = {job: outputs[job].pop("url") for job in ("deploy-preprod", "promote-prod")}
    assert {job: each for job, each in outputs.items() if each} == dict.fromkeys(RUNS_TASKS, image)
    assert all(re.fullmatch(r"http://\S+/_aws/lambda-url/\S+/api/v2/stream", url) for url in urls.values()), urls
    assert len(set(urls.values())) == 2


@pytest.mark.parametrize("job", RUNS_TASKS)
def test_the_summary_of_each_job_that_runs_a_task_shows_where_the_time_went(main_run, job):
    assert "```mermaid\ngantt\n" in summary(main_run, job)


def test_the_summary_of_a_deploy_shows_the_plan(main_run):
    assert "+ create module.sse_streaming.aws_lambda_function.this" in summary(main_run, "deploy-preprod")


def test_the_summary_of_the_run_lists_the_jobs(main_run):
    for job in JOBS[1:-1]:
        assert f"| ✓ | {job} | success |" in summary(main_run, "summary")


@pytest.mark.parametrize(("built", "verified", "code"), [("a", "a", 0), ("a", "b", 1), ("", "", 1)])
def test_the_validation_gate_accepts_only_the_digest_that_this_run_built(pipeline, built, verified, code):
    workflow = yaml.safe_load((pipeline.clone.root / ".github/workflows/deploy.yml").read_text())
    line = workflow["jobs"]["validation-gate"]["steps"][0]["run"]
    environ = {"BUILT": built, "VERIFIED": verified}
    assert subprocess.run(["bash", "-e", "-c", line], env=environ, check=False).returncode == code


def test_each_step_that_runs_the_project_replaces_its_shell_so_that_github_can_interrupt_it(pipeline):
    files = [*(pipeline.clone.root / ".github").rglob("*.yml")]
    lines = re.findall(r"run: (.*(?:\./dev|-m delivery).*)", "\n".join(file.read_text() for file in files))
    assert len(lines) >= 4
    assert [line for line in lines if not re.match(r"exec (\./dev|python3 -m) ", line)] == []


def test_the_first_job_saves_the_environment_and_each_later_job_restores_it(main_run):
    (key,) = re.findall(r"saved (environment-\S+)", main_run.text)
    assert f"saved {key}" in main_run.logs["checks"]
    for job in RUNS_TASKS:
        assert f"restored {key}" in main_run.logs[job]


def test_the_runner_takes_no_command_from_the_tasks(main_run):
    """act prints each line of a step; a task begins with the line that stops commands."""
    for job in (*RUNS_TASKS, "summary"):
        assert re.search(r"^\W*::stop-commands::[0-9a-f]{32}$", main_run.logs[job], re.MULTILINE), main_run.logs[job]


def summary(run, job):
    """The whole summary of a job."""
    return "\n".join(run.summaries[job])


def tasks(run, job):
    """The tasks that succeeded in a job, from the titles of its summary."""
    return re.findall(r"### ✓ `invoke ([\w-]+) ", summary(run, job))


def build_steps(run, job):
    """The numbers of steps of the builds in the summary of a job."""
    return [int(number) for number in re.findall(r"\| build \| (\d+) steps, ", summary(run, job))]
