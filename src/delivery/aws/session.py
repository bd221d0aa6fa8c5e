"""AWS sessions: the only module that imports botocore. Clients use the normal credential chain.

An environment has one session, so its credentials are resolved once: a profile with `mfa_serial` asks for one code.
Its clients are made at their first use, each once; several lanes may use them at the same time. All sessions share what
was read of botocore's data.
botocore is what boto3 is made of: the same clients, without boto3's transfers, whose import takes 0.1 s.
It reads the environment of the process whenever it makes a client or renews credentials, so both happen inside
`_environment(...)`. Every call is made inside `Aws.explained(...)`, which turns the errors of botocore into ours.
"""

import contextlib
import functools
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies_environment

import botocore.loaders
import botocore.session
import urllib3
from botocore import exceptions
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials, RefreshableCredentials

from delivery import clock
from delivery.aws import permissions
from delivery.aws.connections import Connections
from delivery.errors import CloudError, ConfigurationError
from delivery.process import parallel
from delivery.settings import FILE, Environment

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecr.type_defs import AuthorizationDataTypeDef
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

# https://docs.aws.amazon.com/boto3/latest/guide/retries.html: throttling, 5xx and connection errors
# Connections: each of the lanes of process/parallel.py may make three calls at a time.
_POOL = 3 * parallel.LANES
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=_POOL,
)
# What botocore reads to make a client: models of all services that a deploy calls, and the data of all of them
_SERVICES = ("sts", "s3", "lambda", "ecr")
_MODELS = ("service-2", "endpoint-rule-set-1")
_SHARED = ("endpoints", "partitions", "sdk-default-configuration")
# "The operation cannot be performed at this time. An update is in progress": Lambda has not begun the refused call.
_BUSY = "cannot be performed at this time"
_CONFLICT_RETRIES = 30  # one a second
_LOCK, _LOADING = threading.Lock(), threading.Lock()
_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.SSOError,
    exceptions.TokenRetrievalError,
)
# "Requests must be sent within five minutes of the time stamp": IAM, "Signature Version 4 request elements"
_CLOCK_TOLERANCE = 300.0  # seconds
# An authorization of ECR is valid for 12 hours, and is used for at most one copy or build after it is asked for:
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
_REMAINING = timedelta(hours=1)
CLOCK = re.compile("RequestTimeTooSkewed|RequestExpired|Signature expired|Signature not yet current")
# Refusals of the credentials themselves
_INVALID = ("ExpiredToken", "InvalidClientTokenId", "UnrecognizedClient", "InvalidSignature", "SignatureDoesNotMatch")
_LOGIN = "`aws sso login` (or renew the credentials), then run the same command again"
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# GitHub docs, "Configuring OpenID Connect in Amazon Web Services"
_TRUST = "in the workflow `id-token: write`, and the environment that the role's trust names; then run the job again"


@dataclass(frozen=True)
class HttpRequest:
    """A request of HTTP; `url` has the query."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Aws:
    """Clients for one environment. `variables`: the environment of every tool, which replaces that of the process.

    Several threads may use it at once; each client is made once, and has connections for all of them.
    An empty variable counts as unset; botocore by itself would look for a profile with an empty name.
    """

    def __init__(self, environment: Environment, variables: Mapping[str, str]) -> None:
        self.environment = environment
        self.configs: dict[str, Mapping[str, Any]] = {}
        """URI with digest to the configuration of the image, as far as this run has read it."""
        self._variables = variables
        self._clients: dict[str, Any] = {}
        self._making = threading.RLock()  # a session is for one thread at a time; its clients are for many
        self._authorization: AuthorizationDataTypeDef | None = None
        self._authorizing = threading.Lock()

    def with_profile(self, profile: str) -> "Aws":
        """The same environment with the credentials of an AWS profile, whatever else is exported."""
        others = {name: value for name, value in self._variables.items() if name not in (*_KEYS, "AWS_ROLE_ARN")}
        return Aws(self.environment, {**others, "AWS_PROFILE": profile})

    def account(self) -> str:
        """The account of the credentials, 12 digits. Raises CloudError."""
        return self._identity["Account"]

    def credentials(self) -> dict[str, str]:
        """The credentials as variables for Terraform, so that it asks for no second MFA code; empty without any.

        Credentials that can be renewed are valid for ten minutes at least; an apply that takes longer may lose them.
        Raises CloudError.
        """
        with self.explained("find AWS credentials"):
            frozen = self._fresh()
        values = (frozen.access_key, frozen.secret_key, frozen.token) if frozen else ()
        return {name: value or "" for name, value in zip(_KEYS, values, strict=False)}

    @property
    def shadowed_profile(self) -> str:
        """Why the profile is not used, and what to do: keys in the environment beat it; empty if it is used."""
        if not self._variables.get("AWS_ACCESS_KEY_ID"):
            return ""
        profile = self._variables.get("AWS_PROFILE") or self._variables.get("AWS_DEFAULT_PROFILE")
        loser = f"AWS_PROFILE={profile}" if profile else "every profile"
        return f"`unset {' '.join(_KEYS)}`: AWS_ACCESS_KEY_ID is exported and beats {loser}"

    def caller(self) -> str:
        """The owner of the credentials: the end of the ARN, a user or the session of a role. Raises CloudError.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
        """
        return re.split("[:/]", self.caller_arn())[-1]

    def caller_arn(self) -> str:
        """The ARN of the owner of the credentials. Raises CloudError."""
        return self._identity["Arn"]

    @functools.cached_property
    def _identity(self) -> dict[str, str]:
        with self.explained("read which account the credentials belong to"):
            identity: dict[str, str] = self._client("sts").get_caller_identity()
            return identity

    @property
    def cloudwatch(self) -> "CloudWatchClient":
        """CloudWatch, for the metrics of a canary."""
        client: CloudWatchClient = self._client("cloudwatch")
        return client

    @property
    def ecr(self) -> "ECRClient":
        """Elastic Container Registry."""
        client: ECRClient = self._client("ecr")
        return client

    @property
    def iam(self) -> Any:  # without types: only two calls read
        """IAM, for the adoption of what exists."""
        return self._client("iam")

    def kms(self, region: str) -> Any:  # without types: three calls sign and verify
        """KMS in a region, which need not be that of the environment; empty for that of the environment."""
        return self._client("kms", region)

    @property
    def logs(self) -> Any:  # without types: only FilterLogEvents is called
        """CloudWatch Logs."""
        return self._client("logs")

    @property
    def functions(self) -> "LambdaClient":
        """Lambda."""
        client: LambdaClient = self._client("lambda")
        return client

    @property
    def s3(self) -> "S3Client":
        """S3, for the state bucket."""
        client: S3Client = self._client("s3")
        return client

    def streaming(self, silence: float) -> "LambdaClient":
        """A Lambda client for one stream: no retries, and a time-out after `silence` seconds without a byte."""
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=silence)
        client: LambdaClient = self._make("lambda", config)
        return client

    def authorization(self) -> "AuthorizationDataTypeDef":
        """The authorization for the registry: asked for once, and again in the last hour before it expires.

        Call it inside `explained`.
        """
        with self._authorizing:
            if self._authorization is None or self._authorization["expiresAt"] - clock.now() < _REMAINING:
                self._authorization = self.ecr.get_authorization_token()["authorizationData"][0]
            return self._authorization

    def get(self, url: str, *, signed: bool, silence: float, accept: str = "*/*") -> tuple[int, Iterator[bytes]]:
        """The status of an answer, and its bytes as they arrive; read them inside `explained`.

        `signed`: with these credentials, for Lambda (SigV4); otherwise as anybody. `silence`: seconds without a byte
        until the connection counts as dead. Proxies and the bundle of certificates are those of every other call.
        """
        answer = self.send(HttpRequest("GET", url, {"Accept": accept}), signed=signed, silence=silence)
        return answer.status, answer.stream()

    def send(self, request: HttpRequest, *, signed: bool, silence: float) -> urllib3.BaseHTTPResponse:
        """The answer to any request, its body unread; `signed` and `silence` as for `get`.

        The signature covers the body: IAM, "Create a signed AWS API request".
        """
        whole = AWSRequest(request.method, request.url, headers=dict(request.headers), data=request.body or None)
        if signed:
            if (credentials := self._fresh()) is None:
                raise exceptions.NoCredentialsError
            SigV4Auth(credentials, "lambda", self.environment.region).add_auth(whole)
        timeout = urllib3.Timeout(connect=5, read=silence)
        pool = self.connections().pool(request.url, timeout=timeout, retries=False)
        headers, body = dict(whole.headers), request.body or None
        return pool.request(
            request.method, request.url, body=body, headers=headers, preload_content=False, redirect=False
        )

    def connections(self) -> Connections:
        """The proxies and certificates of botocore, for the requests that it does not make. Raises CloudError."""
        return self._connections

    @functools.cached_property
    def _connections(self) -> Connections:
        with self.explained("read the settings of AWS"), _environment(self._variables):
            # botocore reads the first one, or `ca_bundle` of the profile, and then the second one; OpenSSL the third.
            bundle = botocore.session.Session().get_config_variable("ca_bundle")
            others = (os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"))
            return Connections(getproxies_environment(), bundle or next(filter(None, others), ""))

    def explained(self, doing: str) -> AbstractContextManager[None]:
        """While open, an error of botocore becomes a CloudError that names `doing`; every call is made inside."""
        shadowed = self._variables.get("AWS_PROFILE") and self.shadowed_profile
        return explained(doing, self.environment, login=shadowed or _LOGIN)

    @property
    def _session(self) -> botocore.session.Session:
        with self._making:
            return self._only_session

    @functools.cached_property
    def _only_session(self) -> botocore.session.Session:
        with self.explained("find AWS credentials"), _environment(self._variables):
            session = _share_data(botocore.session.get_session())
            session.set_config_variable("region", self.environment.region)
            credentials: Any = session.get_credentials()
            if getattr(credentials, "method", "") == "assume-role":
                _require_terminal(session)
            if credentials:
                credentials.get_frozen_credentials()
            return session

    def _fresh(self) -> ReadOnlyCredentials | None:
        credentials: Any = self._session.get_credentials()
        if not isinstance(credentials, RefreshableCredentials) or not credentials.refresh_needed():
            return credentials.get_frozen_credentials() if credentials else None
        with _environment(self._variables):
            return credentials.get_frozen_credentials()

    def _client(self, service: str, region: str = "") -> Any:
        self.credentials()  # renews them if they expire soon
        key = f"{service} {region}"
        if key not in self._clients:
            with self._making:
                if key not in self._clients:  # another thread made it meanwhile
                    self._clients[key] = self._make(service, _CONFIG, region)
        return self._clients[key]

    def _make(self, service: str, config: Config, region: str = "") -> Any:
        # `Any`: the stubs accept only literal names of services, and only handlers that return nothing.
        session: Any = self._session
        with self._making, self.explained("find AWS credentials"), _environment(self._variables):
            where = {"region_name": region} if region else {}
            client: Any = session.create_client(service, config=config, **where)
            client.meta.events.register("needs-retry.lambda", retry_while_updating)
            return client


@functools.cache
def _loader(path: str | None) -> botocore.loaders.Loader:
    """A loader of botocore's data; it keeps what it has read. `path`: the setting `data_path` of a session."""
    return botocore.loaders.create_loader(path)


def _share_data(core: botocore.session.Session) -> botocore.session.Session:
    core.register_component("data_loader", _loader(core.get_config_variable("data_path")))
    return core


def preload() -> None:
    """Read the data with which botocore makes the clients of a deploy: 0.1 s, beside anything that waits."""
    with _LOADING:  # `status` opens several environments at once
        for name in _SHARED:
            _loader(None).load_data(name)
        for service in _SERVICES:
            for model in _MODELS:
                _loader(None).load_service_model(service, model)


def dns_suffix(region: str) -> str:
    """The domain of the partition of a region, such as amazonaws.com. Raises ConfigurationError for an unknown region.

    From botocore's data, which knows a new region by the pattern of its partition.
    """
    data = _share_data(botocore.session.Session())
    outputs = {each["id"]: each["outputs"] for each in data.get_data("partitions")["partitions"]}
    return str(outputs[partition(region)]["dnsSuffix"])


def partition(region: str) -> str:
    """The partition of a region, such as aws or aws-cn. Raises ConfigurationError for an unknown region."""
    try:
        return str(_share_data(botocore.session.Session()).get_partition_for_region(region))
    except exceptions.UnknownRegionError as error:
        raise ConfigurationError(f"Unknown region: {region}", str(error), f"correct `region:` in {FILE}") from error


def retry_while_updating(response: Any, attempts: int, **_: Any) -> float | None:
    """Seconds until botocore retries a call that Lambda refused during an update; None for any other answer.

    The retry modes of botocore do not retry a conflict: https://docs.aws.amazon.com/boto3/latest/guide/retries.html.
    """
    error = response[1].get("Error", {}) if response else {}
    conflict = error.get("Code") == "ResourceConflictException" and _BUSY in error.get("Message", "")
    return 1.0 if conflict and attempts <= _CONFLICT_RETRIES else None


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set exactly these variables: botocore reads profile, keys and endpoint from the process environment."""
    with _LOCK:
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update({name: value for name, value in variables.items() if value})
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _require_terminal(core: botocore.session.Session) -> None:
    """Raises CloudError when a role of the profile needs an MFA code, and no person can type it."""
    profiles = core.full_config.get("profiles", {})
    chosen = name = core.get_config_variable("profile") or "default"
    visited: set[str] = set()
    while name in profiles and name not in visited:
        visited.add(name)
        if "mfa_serial" in profiles[name] and not (sys.stdin and sys.stdin.isatty()):
            raise CloudError(
                f"The profile {name} asks for an MFA code, and there is no terminal to type it.",
                f"mfa_serial = {profiles[name]['mfa_serial']}",
                f'in a terminal: eval "$(aws configure export-credentials --profile {chosen} --format env)", '
                "then the same command there",
            )
        name = profiles[name].get("source_profile")


@contextlib.contextmanager
def explained(doing: str, environment: Environment, login: str = _LOGIN) -> Iterator[None]:
    """Turn an error of botocore into a CloudError: what could not be done, why, and what to type.

    `login`: what to type when the credentials themselves are refused.
    """
    try:
        yield
    except exceptions.ClientError as error:
        raise _refused(doing, error, environment, login) from error
    except exceptions.RefreshWithMFAUnsupportedError as error:
        hint = "the same command again, which asks for a new code"
        raise CloudError(f"Could not {doing}: the session of the MFA code has ended.", str(error), hint) from error
    except exceptions.ProfileNotFound as error:
        raise ConfigurationError(str(error), hint="aws configure list-profiles") from error
    except _NO_CREDENTIALS as error:
        hint = "`aws sso login`, or set AWS_PROFILE, then run the same command again; in a workflow: `id-token: write`"
        raise CloudError(f"Could not {doing}: there are no valid AWS credentials.", str(error), hint) from error
    except FileNotFoundError as error:  # boto3 reads AWS_WEB_IDENTITY_TOKEN_FILE at the first call
        raise CloudError(f"Could not {doing}: there is no OIDC token.", str(error), _TRUST) from error
    except (exceptions.ConnectionError, exceptions.HTTPClientError, urllib3.exceptions.HTTPError) as error:
        hint = f"check the network and the endpoints in `variables`, then `{environment.command('doctor')}`"
        if "not yet valid" in str(error) or "has expired" in str(error):  # a certificate
            hint = "check the clock of this machine, then run the same command again"
        raise CloudError(f"Could not {doing}: AWS cannot be reached.", str(error), hint) from error
    except exceptions.BotoCoreError as error:
        raise CloudError(f"Could not {doing}.", str(error), environment.command("doctor")) from error


def error_code(error: exceptions.ClientError) -> str:
    """The error code in an answer of AWS, such as ResourceNotFoundException."""
    return str(error.response.get("Error", {}).get("Code", ""))


def wrong_clock(doing: str, why: str, seconds: float | None = None) -> CloudError:
    """The error for a request that AWS refused for its time. `seconds`: from this machine's clock to that of AWS."""
    behind = "wrong" if seconds is None else f"{abs(seconds):.0f} s {'behind' if seconds > 0 else 'ahead of'} AWS"
    hint = "set the clock (`timedatectl set-ntp true`, or restart the virtual machine), then run the same command again"
    return CloudError(f"Could not {doing}: the clock of this machine is {behind}.", why, hint)


def _clock_error(doing: str, error: exceptions.ClientError) -> CloudError | None:
    date = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        seconds = (parsedate_to_datetime(date) - clock.now()).total_seconds()
    except (TypeError, ValueError):  # no date, or one without a time zone
        seconds = None
    late = seconds is not None and abs(seconds) > _CLOCK_TOLERANCE and error_code(error).startswith(_INVALID)
    return wrong_clock(doing, str(error), seconds) if late or CLOCK.search(str(error)) else None


def _refused(doing: str, error: exceptions.ClientError, environment: Environment, login: str) -> CloudError:
    name = error_code(error)
    if clock_error := _clock_error(doing, error):
        return clock_error
    if error.operation_name == "AssumeRoleWithWebIdentity":
        return CloudError(f"Could not {doing}: the role cannot be taken ({name}).", str(error), _TRUST)
    if name.startswith(_INVALID):
        hint = login
    elif "AccessDenied" in name or "Unauthorized" in name:
        actions = permissions.missing(str(error))
        hint = permissions.hint(actions) if actions else "ask for the permission that the line above names"
    elif "Throttl" in name or name == "TooManyRequestsException":
        hint = "wait a minute, then run the same command again; it continues where it stopped"
    else:
        hint = environment.command("doctor")
    return CloudError(f"Could not {doing}: AWS refused ({name}).", str(error), hint)


ClientError = exceptions.ClientError
WaiterError = exceptions.WaiterError
