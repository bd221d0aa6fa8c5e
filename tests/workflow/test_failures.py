"""A failing build, push, apply and verify each stop every later job, with the message in the log and the summary."""

import base64

import pytest
from pipeline import ACCOUNTS
from test_delivery import JOBS, head

DOCKERFILE = "src/lambdas/sse_streaming/Dockerfile"
APP = "src/lambdas/sse_streaming/app.py"
MAIN = "infrastructure/service/main.tf"
REPOSITORY = "preprod-sse-streaming-lambda"
# The checks are run for real by the push that goes all the way; here they only have to let the others begin.
QUICK = {"PYTEST_ADDOPTS": "--collect-only"}
FAILING_APPLY = """
resource "terraform_data" "failing" {
  provisioner "local-exec" { command = "echo the provisioner broke; exit 9" }
}
"""
# Its second stream is an error. Put in while the image is built, where no linter looks.
STREAMING_ONCE = b"""
_create, _served = create, []
def create(settings):
    real = _create(settings)
    async def app(scope, receive, send):
        if _served:
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b"once"})
            return
        _served.append(scope)
        await real(scope, receive, send)
    return app
"""


@pytest.fixture
def released(shipped):
    """The pipeline with preprod and prod deployed; the clone is put back, and prod must be as it was."""
    made, _ = shipped
    before, live = head(made), alias(made, "prod")
    yield made
    made.clone.restore(before)
    assert alias(made, "prod") == live


def alias(pipeline, environment):
    functions = pipeline.clone.client("lambda", ACCOUNTS[environment])
    return functions.get_alias(FunctionName=f"{environment}-sse-streaming", Name="live")["FunctionVersion"]


def push(pipeline, name, change):
    """Commit a change of one file and push it."""
    path = pipeline.clone.root / name
    path.write_text(change(path.read_text()))
    pipeline.clone.commit("a change that fails")
    return pipeline.run("push", **QUICK)


def stopped(run, job, *said):
    """`job` failed saying so; those before it ended well, none after it began, and the summary tells which."""
    assert run.code != 0
    at = JOBS.index(job)
    began = {name: result for name, result in run.jobs.items() if result != "skipped"}
    assert began == {**dict.fromkeys(JOBS[:at], "success"), job: "failure", "summary": "success"}, run.text
    for words in said:
        assert words in run.said[job], run.said[job]
    assert "it continues where it stopped" in run.said[job]
    assert f"| ✗ | {job} | failure |" in run.said["summary"]


def test_a_build_that_fails_deploys_nothing(released):
    run = push(released, DOCKERFILE, lambda text: text.replace("USER 65532", "RUN exit 3\nUSER 65532"))
    stopped(run, "build-sse-image-preprod", "The image does not build", "RUN exit 3", "try: correct the Dockerfile")


def test_a_push_that_is_refused_deploys_nothing(released):
    ecr = released.clone.client("ecr", ACCOUNTS["preprod"])
    ecr.put_image_tag_mutability(repositoryName=REPOSITORY, imageTagMutability="IMMUTABLE")
    try:
        run = push(released, APP, lambda text: f"{text}\n\n# another line\n")
    finally:
        ecr.put_image_tag_mutability(repositoryName=REPOSITORY, imageTagMutability="MUTABLE")
    stopped(run, "build-sse-image-preprod", "The registry refused the push", "failed to push", f"/{REPOSITORY}:latest")


def test_an_apply_that_fails_leaves_the_alias_and_promotes_nothing(released):
    live = alias(released, "preprod")
    run = push(released, MAIN, lambda text: text + FAILING_APPLY)
    stopped(run, "deploy-preprod", "the provisioner broke", "try: ")
    assert alias(released, "preprod") == live


def test_a_version_that_does_not_stream_leaves_the_alias_and_promotes_nothing(released):
    live = alias(released, "preprod")
    run = push(
        released, DOCKERFILE, lambda text: text.replace('CMD ["python", "-P", "-m", "sse_streaming"]', 'CMD ["false"]')
    )
    stopped(run, "deploy-preprod", "does not stream", "The alias live was not moved", "try: ")
    assert alias(released, "preprod") == live


def test_a_version_that_no_longer_streams_when_it_is_verified_again_is_not_promoted(released):
    code = base64.b64encode(STREAMING_ONCE).decode()
    add = f"import base64; open('/app/sse_streaming/app.py', 'ab').write(base64.b64decode('{code}'))"
    compile_app = "RUN python /tmp/precompile.py /app"
    run = push(
        released,
        DOCKERFILE,
        lambda text: text.replace(compile_app, f'RUN python -c "{add}" && {compile_app.removeprefix("RUN ")}'),
    )
    stopped(run, "verify-preprod", "it answered 500", "try: ")


def test_a_dispatch_brings_back_an_earlier_commit_as_far_as_preprod(released):
    earlier = head(released)
    released.clone.edit(DOCKERFILE, "USER 65532:65532", "USER 65533:65533")
    released.clone.commit("later")
    run = released.run("workflow_dispatch", "--input", "environment=preprod", "--input", f"commit={earlier}", **QUICK)
    assert run.code == 0, run.text
    began = {name for name, result in run.jobs.items() if result != "skipped"}
    assert began == {*JOBS, "summary"} - {"promote-prod"}
    assert f"set-output:: tag={earlier}" in run.said["verify-preprod"]
    functions = released.clone.client("lambda", ACCOUNTS["preprod"])
    found = functions.get_function(FunctionName="preprod-sse-streaming", Qualifier="live")
    assert found["Configuration"]["Description"] == f"commit {earlier}"
