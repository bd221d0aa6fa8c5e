"""What GitHub does with the workflow files and act does not: queues, permissions, pins."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github/workflows").glob("*.yml")}
DEPLOY = WORKFLOWS["deploy.yml"]
JOBS = DEPLOY["jobs"]
CHANGES = ("deploy-preprod", "promote-prod")  # the jobs that change an environment


def steps(job):
    return job.get("steps", ())


@pytest.mark.parametrize("concurrency", [DEPLOY["concurrency"], *(JOBS[name]["concurrency"] for name in CHANGES)])
def test_a_run_that_waits_for_an_environment_is_neither_displaced_nor_cancelled(concurrency):
    """GitHub refuses `queue: max` together with `cancel-in-progress: true`."""
    assert (concurrency["queue"], concurrency["cancel-in-progress"]) == ("max", False)


@pytest.mark.parametrize("name", CHANGES)
def test_jobs_that_change_one_environment_wait_for_each_other(name):
    assert JOBS[name]["concurrency"]["group"] == JOBS[name]["environment"]["name"]


def test_the_last_job_of_each_environment_shows_the_address_of_the_function():
    """Each job with an environment makes a deployment on GitHub, and the newest one counts."""
    last = {}
    for job in JOBS.values():
        if isinstance(environment := job.get("environment", ""), dict):
            last[environment["name"]] = environment
        elif environment:
            last[environment] = {}
    assert {name: each["url"] for name, each in last.items()} == {
        "preprod": "${{ needs.deploy-preprod.outputs.url }}",
        "prod": "${{ steps.deploy.outputs.url }}",
    }
    (step,) = (each for each in steps(JOBS["promote-prod"]) if each.get("id") == "deploy")
    assert step["with"]["task"].startswith("deploy --env prod")
    action = yaml.safe_load((ROOT / ".github/actions/run-task/action.yml").read_text())
    assert action["outputs"]["url"]["value"] == "${{ steps.task.outputs.url }}"


def test_runs_of_different_commits_wait_for_nothing_but_the_environments():
    assert "inputs.commit || github.sha" in DEPLOY["concurrency"]["group"]


def test_no_job_with_credentials_saves_the_environment_that_other_jobs_restore():
    action = (ROOT / ".github/actions/run-task/action.yml").read_text()
    assert "save" not in re.sub("#.*", "", action)
    savers = [
        (file, name)
        for file, workflow in WORKFLOWS.items()
        for name, job in workflow["jobs"].items()
        if any(step.get("with", {}).get("save") for step in steps(job))
    ]
    assert savers == [("checks.yml", "checks")]
    assert WORKFLOWS["checks.yml"]["jobs"]["checks"]["permissions"] == {"contents": "read"}


def test_only_the_comment_s_job_may_write_on_a_pull_request_and_only_for_a_branch_of_this_repository():
    writers = [
        (file, name, job)
        for file, workflow in WORKFLOWS.items()
        for name, job in workflow["jobs"].items()
        if job.get("permissions", {}).get("pull-requests")
    ]
    ((file, name, job),) = writers
    assert (file, name) == ("comment.yml", "comment")
    assert job["permissions"] == {"contents": "read", "id-token": "write", "pull-requests": "write"}
    assert WORKFLOWS[file]["permissions"] == {}
    assert "github.event.pull_request.head.repo.full_name == github.repository" in job["if"]
    assert list(WORKFLOWS[file][True]) == ["pull_request"]  # PyYAML reads `on` as true


def test_only_the_step_that_comments_gets_the_token_of_the_job():
    (job,) = WORKFLOWS["comment.yml"]["jobs"].values()
    holders = [step for step in job["steps"] if "github.token" in str(step)]
    assert [step["run"] for step in holders] == ["exec ./dev invoke comment --env preprod --env prod"]
    assert {step["with"]["role"] for step in job["steps"] if step.get("uses", "").endswith("run-task")} == {
        "${{ vars.PREPROD_READER_ROLE_ARN }}",
        "${{ vars.PROD_READER_ROLE_ARN }}",
    }


def test_a_new_push_replaces_the_run_for_the_same_pull_request():
    assert WORKFLOWS["comment.yml"]["concurrency"] == {"group": "comment-${{ github.ref }}", "cancel-in-progress": True}


def test_the_environment_is_restored_by_an_exact_key_only():
    """A key without the digest of the lock would restore other packages."""
    action = (ROOT / ".github/actions/environment/action.yml").read_text()
    assert "restore-keys" not in action
    assert "cat dev requirements.txt | sha256sum" in action


def test_a_dispatched_commit_is_checked_against_the_branch_before_its_code_runs():
    checks = steps(WORKFLOWS["checks.yml"]["jobs"]["checks"])
    (guard,) = (number for number, step in enumerate(checks) if "--is-ancestor" in step.get("run", ""))
    assert [step.get("uses", "").partition("@")[0] for step in checks[:guard]] == ["actions/checkout"]
    assert {name for name, job in JOBS.items() if not job.get("needs")} == {"check"}


def test_every_builder_runs_one_version_of_buildkit_by_digest():
    """With another BuildKit, the comment on a pull request would show a new image for each function."""
    every = [step for workflow in WORKFLOWS.values() for job in workflow["jobs"].values() for step in steps(job)]
    assert [step for step in every if step.get("uses", "").startswith("docker/setup-buildx-action@")] == []
    assert [step.get("uses") for step in every].count("./.github/actions/builder") == 2
    action = yaml.safe_load((ROOT / ".github/actions/builder/action.yml").read_text())
    options = action["runs"]["steps"][0]["with"]["driver-opts"]
    assert re.fullmatch(r"image=moby/buildkit:v\d+\.\d+\.\d+@sha256:[0-9a-f]{64}", options)


def test_only_the_job_that_pushes_gets_the_role_that_signs():
    every = [
        (name, step) for workflow in WORKFLOWS.values() for name, job in workflow["jobs"].items() for step in steps(job)
    ]
    signing = [(name, step) for name, step in every if "SIGN" in str(step).upper()]
    ((name, step),) = signing
    assert (name, step["with"]["task"]) == ("build-sse-image-preprod", "push-image --env preprod")
    assert step["with"]["signer"] == "${{ vars.PROD_SIGNER_ROLE_ARN }}"
    action = yaml.safe_load((ROOT / ".github/actions/run-task/action.yml").read_text())
    (made,) = (each for each in action["runs"]["steps"] if each.get("with", {}).get("aws-profile") == "signer")
    assert (made["if"], made["with"]["output-env-credentials"]) == ("inputs.signer != ''", False)


@pytest.mark.parametrize("file", sorted((ROOT / "src/lambdas").glob("*/Dockerfile")), ids=lambda file: file.parent.name)
def test_the_base_of_a_function_s_image_is_pinned_by_a_digest_that_dependabot_can_change(file):
    """Dependabot changes a literal digest in FROM, not one in ARG."""
    bases = [base for base in re.findall(r"^FROM (\S+)", file.read_text(), re.MULTILINE) if ":" in base]
    assert bases
    assert [base for base in bases if not re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", base)] == []


def test_dependabot_reads_every_folder_with_an_action_of_another_repository():
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    (folders,) = (each["directories"] for each in updates if each["package-ecosystem"] == "github-actions")
    actions = (ROOT / ".github/actions").glob("*/action.yml")
    assert {f"/.github/actions/{file.parent.name}" for file in actions} | {"/"} == set(folders)
