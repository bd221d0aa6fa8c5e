"""Bad input of a CI job: no token, one of another place, credentials that ran out, a role that may not push."""

import http.server
import threading

import pytest
from botocore.exceptions import ClientError
from support.deploys.guarded import DELIVERY, ENVIRONMENT, GITHUB, NUMBERED, token
from support.deploys.policies import without

from sandbox import processes


@pytest.fixture
def job(guarded):
    """Types a task as a job does: without keys, with a role and a token file."""

    def run(file, *words):
        variables = {"AWS_ROLE_ARN": DELIVERY.arn, "AWS_WEB_IDENTITY_TOKEN_FILE": str(file), "AWS_REGION": "us-east-1"}
        return guarded.checkout.invoke(*words, "--env", ENVIRONMENT, **variables, AWS_ENDPOINT_URL=guarded.endpoint)

    return run


def ran_out(sts):
    try:
        sts.get_caller_identity()
    except ClientError as error:
        return "Expired" in str(error)
    return False


def refused(outcome, *facts):
    assert outcome.code == 8, outcome.text
    for words in (*facts, "  try: "):
        assert words in outcome.text, outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": f"repo:{NUMBERED}:ref:refs/heads/main"},
        {"sub": f"repo:{NUMBERED}:pull_request"},
        {"sub": f"repo:{NUMBERED}:environment:prod"},
        {"sub": f"repo:{NUMBERED}:environment:{ENVIRONMENT.upper()}"},
        {"sub": f"repo:{NUMBERED}7:environment:{ENVIRONMENT}"},
        {"sub": f"repo:{GITHUB}:environment:{ENVIRONMENT}"},
        {"sub": f"repo:example@1002/sse-streaming@2002:environment:{ENVIRONMENT}"},
        {"sub": f"repo:someone/else:environment:{ENVIRONMENT}"},
        {"aud": "https://github.com/example"},
        {"ref": "refs/heads/feature"},
        {"ref": "refs/heads/Main"},
        {"ref": "refs/heads/main2"},
        {"ref": "refs/tags/main"},
        {"ref": "refs/pull/7/merge"},
        {"ref": "main"},
        {"ref": None},
    ],
    ids=str,
)
def test_only_a_job_of_that_environment_repository_and_branch_assumes_the_role(guarded, claims):
    with pytest.raises(ClientError, match="AccessDenied"):
        guarded.assume(token(**claims))


def test_a_job_with_the_right_token_works_without_any_stored_key(job, tmp_path):
    (tmp_path / "token").write_text(token())
    outcome = job(tmp_path / "token", "doctor")
    assert "✓ account        111111111111" in outcome.text, outcome.text


def test_a_job_without_a_token_gets_a_message_about_the_workflow(job, tmp_path):
    refused(job(tmp_path / "never-written", "tf-plan"), "there is no OIDC token", "id-token: write")


def test_a_job_of_another_environment_gets_a_message_about_the_role(job, tmp_path):
    (tmp_path / "token").write_text(token(sub=f"repo:{NUMBERED}:environment:prod"))
    refused(job(tmp_path / "token", "tf-plan"), "the role cannot be taken (AccessDenied)", "the role's trust names")


def test_credentials_that_expired_are_reported(guarded):
    credentials = guarded.assume(token(), seconds=1)
    sts = guarded.client("sts", credentials)
    assert processes.wait_until(lambda: ran_out(sts), 20)
    outcome = guarded.checkout.invoke("tf-plan", "--env", ENVIRONMENT, **credentials)
    refused(outcome, "ExpiredToken", "renew the credentials")


def test_a_role_that_may_not_log_in_to_the_registry_gets_the_name_of_the_permission(guarded):
    policy = guarded.policy()
    credentials = guarded.assume(token())
    guarded.allow(without(policy, frozenset({"ecr:GetAuthorizationToken"})))
    outcome = guarded.checkout.invoke("push-image", "--env", ENVIRONMENT, **credentials)
    guarded.allow(policy)
    refused(outcome, "log in to the registry", "ask for ecr:GetAuthorizationToken")


def test_a_role_that_may_not_push_gets_the_name_of_the_permission(guarded, refusing_registry):
    policy = guarded.policy()
    credentials = guarded.assume(token())
    before = (guarded.checkout.root / "invoke.yaml").read_text()
    mine = guarded.endpoint.removeprefix("http://")
    (guarded.checkout.root / "invoke.yaml").write_text(
        before.replace(f"registry: {mine}", f"registry: {refusing_registry}")
    )
    outcome = guarded.checkout.invoke("push-image", "--env", ENVIRONMENT, **credentials)
    (guarded.checkout.root / "invoke.yaml").write_text(before)
    guarded.allow(policy)
    refused(outcome, "The registry refused the push", "ask for ecr:InitiateLayerUpload")


class Refusing(http.server.BaseHTTPRequestHandler):
    """ECR as it looks to a role without ecr:InitiateLayerUpload; the emulator lets everybody push."""

    # BuildKit begins with TLS, and falls back to plain HTTP only if the answer to that looks like HTTP/1.
    default_request_version = "HTTP/1.1"

    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status = 403 if self.command == "POST" else 200 if self.path == "/v2/" else 404
        reason = f"User: {DELIVERY.arn} is not authorized to perform: ecr:InitiateLayerUpload"
        body = f'{{"errors":[{{"code":"DENIED","message":"{reason}"}}]}}'.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    do_GET = do_HEAD = do_POST = answer

    def log_message(self, *_):
        pass


@pytest.fixture
def refusing_registry():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
