"""A build, a push, an apply or a verification that fails stops every later job, and the log gives the reason."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.waiting import until
from support.workflow.pipeline import ACCOUNTS, JOBS, NO_TESTS

from delivery.errors import BuildError, CloudError, TerraformError

DOCKERFILE = "src/lambdas/sse_streaming/Dockerfile"
APP = "src/lambdas/sse_streaming/app.py"
MAIN = "infrastructure/service/main.tf"
FUNCTION, REPOSITORY = "preprod-sse-streaming", "preprod-sse-streaming-lambda"
FAILING_APPLY = """
resource "terraform_data" "failing" {
  provisioner "local-exec" { command = "echo the provisioner broke; exit 9" }
}
"""
# Like a Terraform that could not write the state: it leaves a file. Its lineage is another, so no push can take it.
LEFT_STATE = """
resource "terraform_data" "leaving" {
  provisioner "local-exec" {
    command = <<-END
      echo '{"version": 4, "serial": 1, "lineage": "other", "outputs": {}, "resources": []}' > errored.tfstate
      echo the provisioner broke; exit 9
    END
  }
}
"""


@pytest.fixture
def released(pipeline, main_run):
    """The pipeline after a release to prod. Each test must leave prod as it is; the clone goes back to its commit."""
    assert main_run.results["promote-prod"] == "success"
    commit, version = pipeline.clone.head(), pipeline.alias("prod")
    yield pipeline
    pipeline.clone.restore(commit)
    assert pipeline.alias("prod") == version


def push_change(pipeline, name, old, new):
    """Commit the replacement of a text in one file, and push the commit."""
    pipeline.clone.edit(name, old, new)
    pipeline.clone.commit("a change that fails")
    return pipeline.run("push", **NO_TESTS)


def push_addition(pipeline, name, text):
    """Commit a text at the end of one file, and push the commit."""
    path = pipeline.clone.root / name
    path.write_text(path.read_text() + text)
    pipeline.clone.commit("a change that fails")
    return pipeline.run("push", **NO_TESTS)


def assert_stopped(run, job, error, command, *facts):
    """`job` failed with the exit code of `error`; its log has the facts and the command; no later job started."""
    assert run.code != 0
    earlier = dict.fromkeys(JOBS[: JOBS.index(job)], "success")
    assert run.started == {**earlier, job: "failure", "summary": "success"}, run.text
    assert error.exit_code in run.exit_codes(job), run.logs[job]
    for fact in (*facts, "try: ", f"./dev invoke {command}"):
        assert fact in run.logs[job], run.logs[job]
    (summary,) = run.summaries[job]
    assert f"### ✗ `invoke {command}" in summary
    assert f"| ✗ | {job} | failure |" in "".join(run.summaries["summary"])


def test_a_build_that_fails_deploys_nothing(released):
    run = push_change(released, DOCKERFILE, "USER 65532", "RUN exit 3\nUSER 65532")
    assert_stopped(run, "build-sse-image-preprod", BuildError, "push-image --env preprod", "RUN exit 3")


def test_a_push_that_the_registry_refuses_deploys_nothing(released):
    ecr = released.clone.client("ecr", ACCOUNTS["preprod"])
    ecr.put_image_tag_mutability(repositoryName=REPOSITORY, imageTagMutability="IMMUTABLE")
    try:
        run = push_addition(released, APP, "\n\n# another line\n")
    finally:
        ecr.put_image_tag_mutability(repositoryName=REPOSITORY, imageTagMutability="MUTABLE")
    reason = (f"/{REPOSITORY}:latest", "failed to push")
    assert_stopped(run, "build-sse-image-preprod", CloudError, "push-image --env preprod", *reason)


def test_an_apply_that_fails_does_not_move_the_alias_and_promotes_nothing(released):
    version = released.alias("preprod")
    run = push_addition(released, MAIN, FAILING_APPLY)
    assert_stopped(run, "deploy-preprod", TerraformError, "deploy --env preprod", "the provisioner broke")
    assert released.alias("preprod") == version


def test_a_state_that_cannot_be_pushed_is_kept_as_an_artifact(released):
    run = push_addition(released, MAIN, LEFT_STATE)
    facts = ("state push errored.tfstate", "infrastructure/service/errored.tfstate")
    assert_stopped(run, "deploy-preprod", TerraformError, "deploy --env preprod", *facts)
    kept = "artifact errored-tfstate-preprod-1: infrastructure/service/errored.tfstate"
    assert kept in run.logs["deploy-preprod"], run.logs["deploy-preprod"]


def test_an_image_that_does_not_start_is_not_pushed_and_not_promoted(released):
    version = released.alias("preprod")
    run = push_change(released, DOCKERFILE, 'CMD ["python", "-P", "-m", "sse_streaming"]', 'CMD ["false"]')
    assert_stopped(run, "build-sse-image-preprod", BuildError, "push-image --env preprod", "does not start as Lambda")
    assert released.alias("preprod") == version


@contextlib.contextmanager
def throttled_after_the_release(released):
    """Once the next version of preprod has its release record, its function gets no requests any more."""
    functions, ecr = (released.clone.client(name, ACCOUNTS["preprod"]) for name in ("lambda", "ecr"))
    record = f"-v{int(released.alias('preprod')) + 1}-after-"

    def recorded():
        details = ecr.describe_images(repositoryName=REPOSITORY)["imageDetails"]
        return any(record in tag for detail in details for tag in detail.get("imageTags", []))

    def throttle():
        until(recorded, 300, "the release record")
        functions.put_function_concurrency(FunctionName=FUNCTION, ReservedConcurrentExecutions=0)

    before = functions.get_function_concurrency(FunctionName=FUNCTION).get("ReservedConcurrentExecutions")
    with ThreadPoolExecutor(1) as beside:
        throttling = beside.submit(throttle)
        yield
        throttling.result()
    if before is None:
        functions.delete_function_concurrency(FunctionName=FUNCTION)
    else:
        functions.put_function_concurrency(FunctionName=FUNCTION, ReservedConcurrentExecutions=before)


def test_a_version_that_fails_its_second_verification_is_not_promoted(released):
    with throttled_after_the_release(released):
        run = push_addition(released, APP, "\n\n# a line that is released\n")
    assert_stopped(run, "verify-preprod", CloudError, "verify --env preprod", "TooManyRequestsException")


def test_a_dispatch_deploys_an_earlier_commit_to_preprod_only(released):
    earlier = released.clone.head()
    released.clone.edit(DOCKERFILE, "USER 65532:65532", "USER 65533:65533")
    released.clone.commit("later")
    inputs = ("--input", "environment=preprod", "--input", f"commit={earlier}")
    run = released.run("workflow_dispatch", *inputs, **NO_TESTS)
    assert run.code == 0, run.text
    assert set(run.started) == {*JOBS} - {"promote-prod"}
    assert run.outputs["verify-preprod"]["tag"] == earlier
    assert released.live("preprod")["Configuration"]["Description"] == f"commit {earlier}"


def test_a_dispatch_refuses_a_commit_of_another_branch_before_any_of_its_code_runs(released):
    root = released.clone
    root.git("checkout", "--quiet", "-b", "other")
    root.edit(DOCKERFILE, "USER 65532:65532", "USER 65534:65534")
    root.commit("not merged")
    other = root.head()
    root.git("checkout", "--quiet", "-")
    run = released.run("workflow_dispatch", "--input", "environment=prod", "--input", f"commit={other}")
    root.git("branch", "--quiet", "-D", "other")
    # GitHub starts `summary` too (`always()`); act ends here, because the failed job is one of a called workflow.
    assert run.started == {"checks": "failure"}, run.text
    assert run.exit_codes("checks") == {4}
    assert "nox" not in run.logs["checks"]
