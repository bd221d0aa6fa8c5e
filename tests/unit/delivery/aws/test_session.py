"""An error of botocore becomes a message: the call that failed, the reason, and the command to type."""

import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import botocore.loaders
import botocore.session
import pytest
import urllib3
from botocore import exceptions
from botocore.credentials import ReadOnlyCredentials, RefreshableCredentials
from botocore.hooks import HierarchicalEmitter
from support.aws import refusal
from support.shell import FakeShell
from support.world import ENVIRONMENT

from delivery import clock
from delivery.aws import session
from delivery.errors import CloudError, ConfigurationError
from delivery.process import parallel

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


class Session:
    """A session of botocore without credentials. `profiles`: the configuration that it has read."""

    def __init__(self, **profiles):
        self.full_config = {"profiles": profiles}

    def install(self, monkeypatch):
        monkeypatch.setattr("delivery.aws.session.botocore.session.get_session", lambda: self)
        return self

    def set_config_variable(self, name, value):
        assert (name, value) == ("region", ENVIRONMENT.region)

    def get_credentials(self):
        return None

    def create_client(self, service, config):
        del service, config
        return Client()

    def get_config_variable(self, name):
        return {"profile": os.environ.get("AWS_PROFILE"), "data_path": None}[name]

    def register_component(self, name, component):
        assert (name, component) == ("data_loader", session._loader(None))


class Client:
    """A client of botocore; only its events are used here."""

    class meta:
        events = HierarchicalEmitter()


class SlowSession(Session):
    """A session of botocore whose ECR grants authorizations for `hours`; each client takes longer than all threads."""

    def __init__(self, threads, hours=12.0):
        super().__init__()
        self.made, self.granted, self._hours = [], [], hours
        self._all_ask = threading.Barrier(threads, timeout=10)

    def install(self, monkeypatch):
        monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 27, tzinfo=UTC))
        return super().install(monkeypatch)

    def create_client(self, service, config):
        assert config.max_pool_connections >= 3 * parallel.LANES
        self.made.append(service)
        return type("Ecr", (Client,), {"get_authorization_token": self.grant})()

    def grant(self, _=None):
        expires = clock.now() + timedelta(hours=self._hours)
        self.granted.append({"authorizationToken": "eA==", "proxyEndpoint": URL, "expiresAt": expires})
        return {"authorizationData": self.granted[-1:]}

    def work(self, aws):
        self._all_ask.wait()
        return aws.authorization()


def test_lanes_that_ask_at_the_same_time_share_one_client_and_one_authorization(monkeypatch):
    made = SlowSession(parallel.LANES).install(monkeypatch)
    aws = session.Aws(ENVIRONMENT, {})
    granted = parallel.map(FakeShell(), made.work, [aws] * parallel.LANES)
    assert (made.made, len(made.granted)) == (["ecr"], 1)
    assert all(authorization is made.granted[0] for authorization in granted)


@pytest.mark.parametrize(("hours", "asked"), [(12, 1), (1.01, 1), (0.99, 2)])
def test_an_authorization_that_expires_within_an_hour_is_asked_for_again(monkeypatch, hours, asked):
    """A build or a copy may take long."""
    made = SlowSession(1, hours).install(monkeypatch)
    aws = session.Aws(ENVIRONMENT, {})
    assert [made.work(aws), made.work(aws)][1] is made.granted[-1]
    assert len(made.granted) == asked


def test_one_session_makes_all_clients_from_the_variables_of_the_environment(monkeypatch):
    sessions, clients = [], []

    class Recording(Session):
        def set_config_variable(self, name, value):
            recorded = {name: os.environ.get(name) for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_PROFILE")}
            sessions.append({name: value, **recorded})

        def create_client(self, service, config):
            clients.append((service, config.read_timeout, config.retries["total_max_attempts"]))
            assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
            return Client()

    Recording().install(monkeypatch)
    monkeypatch.setenv("AWS_PROFILE", "of somebody else")
    before = dict(os.environ)
    variables = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ACCESS_KEY_ID": "id", "AWS_PROFILE": ""}
    made = session.Aws(replace(ENVIRONMENT, region="eu-west-1"), variables)
    assert made.ecr is made.ecr
    assert made.streaming(7.0) is not None
    text = {
        "region": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_PROFILE": None,
    }
    assert sessions == [text]
    assert clients == [("ecr", 30, 5), ("lambda", 7.0, 1)]
    assert dict(os.environ) == before, "the environment of the process is unchanged"


def test_eight_lanes_that_need_a_client_at_once_share_one_session_and_one_client(monkeypatch):
    made, ready = [], threading.Barrier(8)

    class Counting(Session):
        def set_config_variable(self, _, value):
            made.append(value)

        def create_client(self, service, config):
            made.append((service, config.max_pool_connections))
            return Client()

    Counting().install(monkeypatch)
    aws = session.Aws(ENVIRONMENT, {})

    def lane(number):
        ready.wait(10)
        return aws.functions if number % 2 else aws.ecr

    with ThreadPoolExecutor(8) as lanes:
        clients = list(lanes.map(lane, range(8)))
    assert clients[::2] == [aws.ecr] * 4
    assert clients[1::2] == [aws.functions] * 4
    assert sorted(made, key=str) == [("ecr", session._POOL), ("lambda", session._POOL), "us-east-1"]


def test_all_sessions_share_the_data_that_was_read_before(monkeypatch):
    session.preload()
    read = botocore.loaders.JSONFileLoader.load_file
    again = []

    def load_file(self, path):
        data = read(self, path)
        again.extend([path] if data else [])  # None: there is no such file
        return data

    monkeypatch.setattr(botocore.loaders.JSONFileLoader, "load_file", load_file)
    for service in ("sts", "s3", "lambda", "ecr"):
        core = session._share_data(botocore.session.Session())
        assert core.get_service_model(service).service_name == service
        core.get_component("data_loader").load_service_model(service, "endpoint-rule-set-1")
    assert session.dns_suffix("eu-west-1") == "amazonaws.com"
    assert again == []


class Role(RefreshableCredentials):
    """Credentials of an assumed role: resolved at the first use, by a call that reads the process environment."""

    def __init__(self):
        self.resolved = []
        super().__init__("", "", "", clock.now(), self._resolve, method="assume-role")

    def _resolve(self):
        self.resolved.append(os.environ.get("AWS_ENDPOINT_URL_STS"))
        values = {"access_key": f"key {len(self.resolved)}", "secret_key": "s", "token": "t"}
        return {**values, "expiry_time": (clock.now() + timedelta(hours=1)).isoformat()}


@pytest.fixture
def role(monkeypatch):
    """Credentials of a role that is assumed, and the profile that names it."""
    credentials = Role()

    class Assuming(Session):
        def get_credentials(self):
            return credentials

    chain = Assuming(dev={"role_arn": "r", "source_profile": "base"}, base={}).install(monkeypatch)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return credentials, chain.full_config["profiles"]


STS = {"AWS_PROFILE": "dev", "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:4566"}


def test_a_role_is_assumed_once_for_all_clients_and_terraform_with_the_endpoints_of_the_environment(role):
    credentials, _ = role
    made = session.Aws(ENVIRONMENT, STS)
    assert made.ecr is not made.s3
    keys = {"AWS_ACCESS_KEY_ID": "key 1", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
    assert made.credentials() == made.credentials() == keys
    assert credentials.resolved == ["http://127.0.0.1:4566"]


def test_credentials_that_expire_soon_are_renewed_with_the_endpoints_of_the_environment(role, monkeypatch):
    credentials, _ = role
    made = session.Aws(ENVIRONMENT, STS)
    made.credentials()
    now = clock.now()
    monkeypatch.setattr(credentials, "_time_fetcher", lambda: now + timedelta(minutes=50))
    assert made.credentials()["AWS_ACCESS_KEY_ID"] == "key 2"
    assert credentials.resolved == ["http://127.0.0.1:4566"] * 2


@pytest.mark.parametrize("profile", ["dev", "base"])
def test_a_profile_with_mfa_is_refused_where_nobody_can_type_the_code(role, profile):
    credentials, profiles = role
    profiles[profile]["mfa_serial"] = "arn:aws:iam::1:mfa/ada"
    with pytest.raises(CloudError, match=f"^The profile {profile} asks for an MFA code") as caught:
        session.Aws(ENVIRONMENT, STS).credentials()
    assert "aws configure export-credentials --profile dev" in caught.value.hint
    assert credentials.resolved == []


def test_the_code_is_asked_where_there_is_a_terminal(role, monkeypatch):
    credentials, profiles = role
    profiles["dev"]["mfa_serial"] = "arn:aws:iam::1:mfa/ada"
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stdin", terminal)
    session.Aws(ENVIRONMENT, STS).credentials()
    assert len(credentials.resolved) == 1


def test_an_ended_session_of_a_code_says_to_type_a_new_one():
    assert "asks for a new code" in explained(exceptions.RefreshWithMFAUnsupportedError()).hint


def test_exported_keys_that_beat_the_profile_are_named():
    keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "s"}
    made = session.Aws(ENVIRONMENT, {**keys, "AWS_PROFILE": "dev"})
    assert "AWS_ACCESS_KEY_ID is exported and beats AWS_PROFILE=dev" in made.shadowed_profile
    with pytest.raises(CloudError) as caught, made.explained("list functions"):
        raise refusal("InvalidClientTokenId")
    assert caught.value.hint == made.shadowed_profile
    assert "beats every profile" in session.Aws(ENVIRONMENT, keys).shadowed_profile
    assert session.Aws(ENVIRONMENT, {"AWS_PROFILE": "dev"}).shadowed_profile == ""


def test_a_session_of_another_profile_ignores_exported_keys(tmp_path):
    file = tmp_path / "credentials"
    own = "aws_access_key_id = of-the-profile\naws_secret_access_key = s\n"
    file.write_text(f"[signer]\n{own}[prod]\n")
    exported = {"AWS_ACCESS_KEY_ID": "exported", "AWS_SECRET_ACCESS_KEY": "s", "AWS_PROFILE": "prod"}
    made = session.Aws(ENVIRONMENT, {**exported, "AWS_SHARED_CREDENTIALS_FILE": str(file)})
    other = made.with_profile("signer")
    assert (other.environment, other.shadowed_profile) == (ENVIRONMENT, "")
    assert other.credentials()["AWS_ACCESS_KEY_ID"] == "of-the-profile"
    assert made.credentials()["AWS_ACCESS_KEY_ID"] == "exported"


def refused_at(code, seconds, message="because"):
    """A refusal of AWS, whose clock shows `seconds` more than ours."""
    date = format_datetime(clock.now() + timedelta(seconds=seconds), usegmt=True)
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPHeaders": {"date": date}}}
    return exceptions.ClientError(response, "GetCallerIdentity")


@pytest.mark.parametrize("code", ["InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed"])
def test_a_wrong_clock_is_named_with_its_difference_from_the_clock_of_aws(code, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 27, tzinfo=UTC))
    assert explained(refused_at(code, 3600)).what.endswith("the clock of this machine is 3600 s behind AWS.")
    assert "s ahead of AWS." in explained(refused_at(code, -3600)).what


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("RequestTimeTooSkewed", "The difference is too large."),
        ("InvalidSignatureException", "Signature expired: 2015"),
    ],
)
def test_a_refusal_for_the_time_without_a_date_names_the_clock(code, message):
    assert "the clock of this machine is wrong" in explained(refusal(code, message)).what


def test_a_wrong_secret_with_a_right_clock_is_no_wrong_clock():
    assert explained(refused_at("InvalidSignatureException", 2)).hint == LOGIN


def test_a_certificate_of_another_time_hints_at_the_clock():
    error = exceptions.SSLError(endpoint_url=URL, error="certificate is not yet valid")
    assert "the clock of this machine" in explained(error).hint


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


@pytest.mark.parametrize("signed", [False, True])
def test_a_url_is_opened_signed_or_as_anybody(monkeypatch, signed):
    sent = []

    class Pool:
        def request(self, method, url, body, headers, preload_content, redirect):
            assert (url, body) == (f"{URL}/api?events=1", None)
            assert (method, preload_content, redirect) == ("GET", False, False)
            sent.append(headers)
            return urllib3.HTTPResponse(io.BytesIO(b"event: hello"), status=200, preload_content=False)

    monkeypatch.setattr(session.Connections, "pool", lambda *_, **__: Pool())
    monkeypatch.setattr(session.Aws, "_fresh", lambda _: ReadOnlyCredentials("AKIA", "hush", "token"))
    status, chunks = session.Aws(ENVIRONMENT, {}).get(f"{URL}/api?events=1", signed=signed, silence=5)
    assert (status, b"".join(chunks)) == (200, b"event: hello")
    authorization = sent[0].get("Authorization", "")
    assert ("/us-east-1/lambda/aws4_request" in authorization) == signed
    assert ("X-Amz-Security-Token" in sent[0]) == signed
    assert "hush" not in authorization


def test_a_request_is_signed_with_its_method_and_its_body(monkeypatch):
    sent = []

    class Pool:
        def request(self, method, url, body=None, headers=None, **options):
            sent.append((method, url, body, headers, options["redirect"]))
            return urllib3.HTTPResponse(io.BytesIO(b"{}"), status=201, preload_content=False)

    monkeypatch.setattr(session.Connections, "pool", lambda *_, **__: Pool())
    monkeypatch.setattr(session.Aws, "_fresh", lambda _: ReadOnlyCredentials("AKIA", "hush", "token"))
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: datetime(2026, 1, 1, tzinfo=UTC))
    aws = session.Aws(ENVIRONMENT, {})
    for body in (b"a", b"a", b"b"):
        request = session.HttpRequest("POST", f"{URL}/orders", {"Content-Type": "text/plain"}, body)
        assert aws.send(request, signed=True, silence=5).status == 201
    assert [each[:3] for each in sent] == [("POST", f"{URL}/orders", body) for body in (b"a", b"a", b"b")]
    assert sent[0][3]["Content-Type"] == "text/plain"
    assert sent[0][4] is False
    signatures = [each[3]["Authorization"] for each in sent]
    assert signatures[0] == signatures[1] != signatures[2]


def test_a_url_cannot_be_opened_with_a_signature_without_credentials(monkeypatch):
    monkeypatch.setattr(session.Aws, "_fresh", lambda _: None)
    aws = session.Aws(ENVIRONMENT, {})
    with pytest.raises(CloudError), aws.explained("open the URL of fn"):
        aws.get("https://x.lambda-url.us-east-1.on.aws/", signed=True, silence=5)


def test_a_registry_is_asked_with_the_proxies_and_certificates_that_boto3_would_use():
    exported = {"HTTPS_PROXY": "http://exported.test:1", "SSL_CERT_FILE": "/system.pem", "NO_PROXY": "127.0.0.1"}
    variables = {"AWS_CONFIG_FILE": os.devnull, **exported}
    found = session.Aws(ENVIRONMENT, variables).connections()
    assert (found.proxies["https"], found.proxies["no"]) == ("http://exported.test:1", "127.0.0.1")
    assert found.certificates == "/system.pem"
    assert session.Aws(ENVIRONMENT, {**variables, "AWS_CA_BUNDLE": "/a.pem"}).connections().certificates == "/a.pem"
