"""The missing permission is read from the refusals of AWS, Terraform and docker."""

from pathlib import Path

import pytest
from support.aws import refusal
from support.terraform import diagnostic
from support.world import ENVIRONMENT

from delivery.aws import permissions, session
from delivery.errors import CloudError
from delivery.terraform.diagnostics import Diagnostics
from delivery.terraform.plan import Stack

STACK = Stack("service", Path("service"), Path("data"), ENVIRONMENT)
DENIED = "User: arn:aws:sts::1:assumed-role/ci/job is not authorized to perform: {} because no policy allows it"
FORBIDDEN = "operation error S3: {}, https response error StatusCode: 403, RequestID: X, api error Forbidden: Forbidden"
REGISTRY = "failed to push x: unexpected status from {} request to https://h/v2/prod-a-lambda/{}: {} Forbidden"


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        (DENIED.format("ecr:PutImage"), "ecr:PutImage"),
        (f"denied: {DENIED.format('ecr:InitiateLayerUpload')} on resource: x", "ecr:InitiateLayerUpload"),
        (f"{DENIED.format('iam:GetRole')}\n{DENIED.format('iam:GetRole')}", "iam:GetRole"),
        (f"{DENIED.format('iam:GetRole')}\n{DENIED.format('logs:TagResource')}", "iam:GetRole, logs:TagResource"),
        (FORBIDDEN.format("HeadObject"), "s3:GetObject (or s3:ListBucket)"),
        (FORBIDDEN.format("ListObjectsV2"), "s3:ListBucket"),
        (FORBIDDEN.format("PutObject"), "s3:PutObject"),
        (FORBIDDEN.format("PutObject").replace("403", "412"), ""),
        (REGISTRY.format("POST", "blobs/uploads/", 403), "ecr:InitiateLayerUpload"),
        (REGISTRY.format("PUT", "blobs/uploads/1?digest=sha256:0", 403), "ecr:CompleteLayerUpload"),
        (REGISTRY.format("PUT", "manifests/latest", 403), "ecr:PutImage"),
        (REGISTRY.format("PUT", "manifests/latest", 404), ""),
        ("no basic auth credentials", ""),
    ],
)
def test_the_missing_actions_are_read_from_the_text(text, actions):
    assert permissions.missing(text) == actions


def test_a_refused_call_names_the_missing_permission_and_the_policy():
    with pytest.raises(CloudError) as caught, session.explained("tag the image", ENVIRONMENT):
        raise refusal("AccessDeniedException", DENIED.format("ecr:PutImage"), "PutImage")
    assert "ecr:PutImage" in caught.value.hint
    assert "infrastructure/modules/ci_role/policy.tf" in caught.value.hint


def test_a_refusal_in_terraform_names_the_permission_and_no_lock():
    log = Diagnostics(str)
    log.feed(diagnostic("Error acquiring the state lock", FORBIDDEN.format("PutObject")))
    error = log.error("plan", STACK)
    assert error.what == "Terraform may not plan service: s3:PutObject"
    assert "ask for s3:PutObject" in error.hint


@pytest.mark.parametrize("code", ["ExpiredTokenException", "InvalidIdentityToken", "AccessDenied"])
def test_a_refused_oidc_token_names_the_permission_that_the_workflow_needs(code):
    with pytest.raises(CloudError) as caught, session.explained("read the account", ENVIRONMENT):
        raise refusal(code, "Token expired", "AssumeRoleWithWebIdentity")
    assert caught.value.what == f"Could not read the account: the role cannot be taken ({code})."
    assert "id-token: write" in caught.value.hint


def test_a_missing_oidc_token_is_reported():
    opened = session.explained("read the account", ENVIRONMENT)
    with pytest.raises(CloudError, match="there is no OIDC token") as caught, opened:
        raise FileNotFoundError(2, "No such file or directory", "token")
    assert "id-token: write" in caught.value.hint
