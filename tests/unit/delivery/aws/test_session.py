"""An error of boto3 becomes a message: the call that failed, the reason, and the command to type."""

import os
from dataclasses import replace

import pytest
from botocore import exceptions
from botocore.hooks import HierarchicalEmitter
from support.aws import refusal
from support.world import ENVIRONMENT

from delivery.aws import session
from delivery.errors import CloudError, ConfigurationError

LOGIN = "`aws sso login` (or renew the credentials), then run the same command again"
URL = "https://lambda.us-east-1.amazonaws.com/"


def explained(error):
    with pytest.raises(CloudError) as caught, session.explained("move the alias live of fn", ENVIRONMENT):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("code", "operation", "hint"),
    [
        ("ExpiredTokenException", "UpdateAlias", LOGIN),
        ("InvalidClientTokenId", "GetCallerIdentity", LOGIN),
        ("UnrecognizedClientException", "UpdateAlias", LOGIN),
        ("InvalidSignatureException", "UpdateAlias", LOGIN),
        ("AccessDeniedException", "UpdateAlias", "ask for the permission that the line above names"),
        (
            "ThrottlingException",
            "UpdateAlias",
            "wait a minute, then run the same command again; it continues where it stopped",
        ),
        (
            "TooManyRequestsException",
            "UpdateAlias",
            "wait a minute, then run the same command again; it continues where it stopped",
        ),
        ("ServiceException", "UpdateAlias", "invoke doctor --env sandbox"),
    ],
)
def test_a_refusal_names_its_code_and_the_next_step(code, operation, hint):
    error = explained(refusal(code, "because", operation))
    assert error.what == f"Could not move the alias live of fn: AWS refused ({code})."
    assert "because" in error.why
    assert error.hint == hint


def test_a_missing_permission_is_named():
    message = "User: arn:aws:iam::1:user/ada is not authorized to perform: lambda:UpdateAlias"
    assert "lambda:UpdateAlias" in str(explained(refusal("AccessDeniedException", message)))


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (exceptions.NoCredentialsError(), "there are no valid AWS credentials."),
        (exceptions.PartialCredentialsError(provider="env", cred_var="x"), "there are no valid AWS credentials."),
        (exceptions.EndpointConnectionError(endpoint_url=URL), "AWS cannot be reached."),
        (exceptions.ReadTimeoutError(endpoint_url=URL), "AWS cannot be reached."),
        (exceptions.ConnectionClosedError(endpoint_url=URL), "AWS cannot be reached."),
    ],
)
def test_credentials_and_network_are_distinguished(error, what):
    result = explained(error)
    assert result.what == f"Could not move the alias live of fn: {what}"
    assert result.exit_code == 8
    assert result.hint


def test_an_unknown_profile_is_a_configuration_error():
    with pytest.raises(ConfigurationError, match="nobody") as caught, session.explained("x", ENVIRONMENT):
        raise exceptions.ProfileNotFound(profile="nobody")
    assert caught.value.hint == "aws configure list-profiles"


def test_any_other_error_of_botocore_names_the_call():
    assert explained(exceptions.WaiterError(name="w", reason="Failed", last_response={})).what == (
        "Could not move the alias live of fn."
    )


def test_errors_of_delivery_pass_unchanged():
    with pytest.raises(ConfigurationError, match="mine"), session.explained("x", ENVIRONMENT):
        raise ConfigurationError("mine")


@pytest.mark.parametrize("kind", [exceptions.ConnectTimeoutError, exceptions.SSLError, exceptions.ProxyConnectionError])
def test_a_network_failure_before_the_first_byte_is_reported(kind):
    assert "AWS cannot be reached" in explained(kind(endpoint_url=URL, proxy_url=URL, error="x")).what


@pytest.mark.parametrize(
    "error",
    [
        exceptions.UnauthorizedSSOTokenError(),
        exceptions.SSOTokenLoadError(error_msg="Token for https://x does not exist"),
        exceptions.TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed"),
    ],
)
def test_an_expired_sso_session_names_the_login_command(error):
    assert "aws sso login" in explained(error).hint


def test_clients_come_from_the_variables_of_the_environment(monkeypatch):
    sessions, clients = [], []

    class Session:
        events = HierarchicalEmitter()

        def __init__(self, region_name):
            recorded = {name: os.environ.get(name) for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_PROFILE")}
            sessions.append({"region_name": region_name, **recorded})

        def client(self, service, config):
            clients.append((service, config.read_timeout, config.retries["total_max_attempts"]))
            return object()

    monkeypatch.setattr("delivery.aws.session.boto3.Session", Session)
    monkeypatch.setenv("AWS_PROFILE", "of somebody else")
    before = dict(os.environ)
    variables = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ACCESS_KEY_ID": "id", "AWS_PROFILE": ""}
    made = session.Aws(replace(ENVIRONMENT, region="eu-west-1"), variables)
    assert made.ecr is made.ecr
    assert made.streaming(7.0) is not None
    text = {
        "region_name": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_PROFILE": None,
    }
    assert sessions == [text, text]
    assert clients == [("ecr", 30, 5), ("lambda", 7.0, 1)]
    assert dict(os.environ) == before, "the environment of the process is unchanged"


@pytest.mark.parametrize(
    ("code", "message", "attempts", "seconds"),
    [
        (
            "ResourceConflictException",
            "The operation cannot be performed at this time. An update is in progress",
            1,
            1.0,
        ),
        (
            "ResourceConflictException",
            "The operation cannot be performed at this time. An update is in progress",
            31,
            None,
        ),
        ("ResourceConflictException", "The statement id (public) provided already exists.", 1, None),
        ("PreconditionFailedException", "The operation cannot be performed at this time.", 1, None),
    ],
)
def test_only_a_change_that_lambda_refused_during_another_change_is_sent_again(code, message, attempts, seconds):
    answer = {"Error": {"Code": code, "Message": message}}
    assert session.retry_while_updating(response=(None, answer), attempts=attempts, operation=None) == seconds
    assert session.retry_while_updating(response=None, attempts=attempts, caught_exception=OSError()) is None
