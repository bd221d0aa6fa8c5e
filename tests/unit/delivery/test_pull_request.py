"""A pull request has one comment of ours, which each run updates; and what GitHub refuses names the permission."""

import json

import pytest
import urllib3
from support.workflow.github_api import HOST, PERSON, REPOSITORY, TOKEN, GitHub

from delivery import pull_request
from delivery.errors import CloudError, ConfigurationError, RefusedError

TEXT = f"{pull_request.MARKER}\n### What a merge would change\n"
HEAD = {"sha": "c" * 40, "repo": {"full_name": REPOSITORY}}
ISSUES = f"/repos/{REPOSITORY}/issues"


@pytest.fixture
def github(monkeypatch):
    return GitHub().install(monkeypatch)


@pytest.fixture
def job(tmp_path):
    """The variables of a job of pull request 7."""
    return variables(tmp_path, {"number": 7, "pull_request": {"number": 7, "head": HEAD}})


def variables(folder, event):
    (folder / "event.json").write_text(event if isinstance(event, str) else json.dumps(event))
    return {
        "GITHUB_API_URL": HOST,
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_TOKEN": TOKEN,
    }


def write(job, text=TEXT):
    return pull_request.of_job(job, {}).write(text)


def test_the_first_run_makes_the_comment_and_each_later_run_updates_it(github, job):
    address = write(job)
    assert address == f"https://github.test/{REPOSITORY}/pull/7#issuecomment-100"
    assert write(job, TEXT + "again") == address
    assert github.bodies == [TEXT + "again"]
    assert github.asked == [
        ("GET", f"{ISSUES}/7/comments"),
        ("POST", f"{ISSUES}/7/comments"),
        ("GET", f"{ISSUES}/7/comments"),
        ("PATCH", f"{ISSUES}/comments/100"),
    ]


def test_the_comment_is_found_behind_more_than_a_page_of_others(github, job):
    for number in range(230):
        github.add(f"comment {number}", PERSON)
    github.add(TEXT)
    write(job, TEXT + "new")
    assert [body for body in github.bodies if body.startswith(pull_request.MARKER)] == [TEXT + "new"]


@pytest.mark.parametrize(
    ("body", "user"), [(TEXT, PERSON), (f"> {TEXT}", PERSON), (TEXT, None), (None, PERSON), (f"see {TEXT}", PERSON)]
)
def test_what_a_person_wrote_is_left_alone_even_if_it_looks_like_ours(github, job, body, user):
    github.add(body, user)
    write(job, TEXT + "ours")
    assert github.bodies == [body, TEXT + "ours"]


@pytest.mark.parametrize("origin", [{"full_name": "somebody/sse-streaming"}, None])
def test_the_event_of_a_fork_is_refused_before_anything_is_asked(github, tmp_path, origin):
    event = {"number": 7, "pull_request": {"number": 7, "head": {**HEAD, "repo": origin}}}
    with pytest.raises(RefusedError, match=r"Pull request 7 comes from a fork: (somebody/|a deleted one)"):
        write(variables(tmp_path, event))
    assert github.asked == []


@pytest.mark.parametrize("event", [{"ref": "refs/heads/main"}, {"pull_request": None}, "no JSON", [], {}])
def test_outside_a_pull_request_the_task_names_its_dry_run(github, tmp_path, event):
    with pytest.raises(ConfigurationError, match=r"no job of a pull request") as caught:
        write(variables(tmp_path, event))
    assert "--dry-run" in caught.value.hint
    assert github.asked == []


def test_on_a_laptop_the_task_says_that_there_is_no_job():
    with pytest.raises(ConfigurationError) as caught:
        write({})
    assert caught.value.why == "GitHub's variables of a job are not set."


def test_without_a_token_the_message_has_the_line_that_gives_one(github, job):
    with pytest.raises(ConfigurationError, match="GITHUB_TOKEN is not set") as caught:
        write({**job, "GITHUB_TOKEN": ""})
    assert "GITHUB_TOKEN: ${{ github.token }}" in caught.value.hint
    assert github.asked == []


def test_the_address_of_an_enterprise_server_is_used_and_a_malformed_one_refused(github, job):
    assert pull_request.of_job({**job, "GITHUB_API_URL": f"{HOST}/"}, {}).api == HOST
    assert pull_request.of_job({**job, "GITHUB_API_URL": ""}, {}).api == "https://api.github.com"
    with pytest.raises(ConfigurationError, match="Malformed GITHUB_API_URL: 'file:///etc'"):
        write({**job, "GITHUB_API_URL": "file:///etc"})
    assert github.asked == []


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((401, {"message": "Bad credentials"}), "GITHUB_TOKEN: ${{ github.token }}"),
        ((403, {"message": "Resource not accessible by integration"}), "pull-requests: write"),
        ((404, {"message": "Not Found"}), "pull-requests: write"),
        ((403, {"message": "API rate limit exceeded"}), "wait some minutes"),
        ((429, {"message": "secondary rate limit"}), "wait some minutes"),
        ((422, {"message": "Validation Failed"}), "re-run the job"),
        ((502, b"<html>bad gateway</html>"), "re-run the job"),
        ((301, {"message": "Moved Permanently"}), "re-run the job"),
        ((200, b"<html>a portal</html>"), "correct GITHUB_API_URL"),
        ((0, urllib3.exceptions.NewConnectionError(None, "refused")), "check the network and GITHUB_API_URL"),
    ],
)
def test_each_refusal_says_what_github_answered_and_what_to_do(github, job, answer, hint):
    github.failures.append(answer)
    with pytest.raises(CloudError) as caught:
        write(job)
    assert hint in caught.value.hint
    assert TOKEN not in str(caught.value)
    if answer[0] > 300:
        assert f"GitHub answered {answer[0]} to GET repos/{REPOSITORY}/issues/7/comments." in str(caught.value)


def test_the_permissions_that_github_names_are_in_the_message(job, monkeypatch):
    wanted = {"X-Accepted-GitHub-Permissions": "issues=write; pull_requests=write"}

    def request(*_, **__):
        return urllib3.HTTPResponse(b'{"message": "no"}', headers=wanted, status=403)

    monkeypatch.setattr(urllib3.PoolManager, "request", request)
    with pytest.raises(CloudError) as caught:
        write(job)
    assert "pull_requests=write" in caught.value.why


def test_the_token_is_not_shown_with_the_pull_request(job):
    made = pull_request.of_job(job, {"https": "http://user:secret@proxy.test"})
    assert TOKEN not in repr(made)
    assert "secret" not in repr(made)


def test_a_second_post_is_never_tried_because_it_would_be_a_second_comment():
    retry = pull_request._AGAIN
    assert [method for method in ("GET", "PATCH", "POST") if retry.is_retry(method, 502)] == ["GET", "PATCH"]
    assert not retry.is_retry("GET", 429, has_retry_after=True)
