"""A pull request gets one comment that says what a merge would change; nothing is pushed and nothing is applied."""

import pytest
from support.workflow.github_api import PERSON, TOKEN, GitHub, served
from support.workflow.pipeline import ACCOUNTS

from delivery.pull_request import MARKER

APP = "src/lambdas/sse_streaming/app.py"
MAIN = "infrastructure/service/main.tf"
ADDED = """
resource "terraform_data" "added" {}
"""


def images(pipeline):
    """The digests in the registry of each account."""
    found = {}
    for name, account in ACCOUNTS.items():
        listed = pipeline.clone.client("ecr", account).list_images(repositoryName=f"{name}-sse-streaming-lambda")
        found[name] = {each["imageDigest"] for each in listed["imageIds"]}
    return found


@pytest.fixture
def changed(pipeline, main_run):
    """A commit after the release that changes the function and the infrastructure; the clone goes back afterwards."""
    assert main_run.code == 0
    clone, commit = pipeline.clone, pipeline.clone.head()
    for name, text in ((APP, "\n\n# a change of the function\n"), (MAIN, ADDED)):
        path = clone.root / name
        path.write_text(path.read_text() + text)
    clone.commit("a change")
    yield clone.head()
    clone.restore(commit)


def test_the_comment_is_updated_with_what_a_merge_would_change_in_both_environments(pipeline, changed):
    github, before = GitHub(), images(pipeline)
    github.add("Please have a look.", PERSON)
    github.add(f"{MARKER}\nof the last push")
    with served(github) as api:
        run = pipeline.comment(api, changed)
    assert run.started == {"comment": "success"}, run.text
    question, body = github.bodies
    print(body)
    assert question == "Please have a look."
    for name in ACCOUNTS:
        headline = f"#### {name}: 1 new image; infrastructure: 1 to create, 0 to update, 0 to delete"
        assert headline in body.splitlines(), body
    assert body.count("\n+ create terraform_data.added\n") == 2
    assert body.count("| `sse-streaming` | version `1`, commit ") == 2
    assert body.count(", 1 commit behind | `sha256:") == 2
    assert f"Commit `{changed[:12]}`, merged" in body
    assert github.unknown == []
    assert images(pipeline) == before
    assert TOKEN not in run.text


def test_a_fork_starts_no_job(pipeline, changed):
    github = GitHub()
    with served(github) as api:
        run = pipeline.comment(api, changed, "somebody/sse-streaming")
    assert run.started == {}, run.text
    assert github.asked == []
