"""AWS sessions: the only module that imports boto3. Clients use the normal credential chain.

Every call is made inside `Aws.explained(...)`, which turns the errors of botocore into ours.
"""

import contextlib
import functools
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies_environment

import boto3
import botocore.session
import urllib3
from botocore import exceptions
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from delivery.aws import permissions
from delivery.aws.connections import Connections
from delivery.errors import CloudError, ConfigurationError
from delivery.settings import FILE, Environment

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

# https://docs.aws.amazon.com/boto3/latest/guide/retries.html: throttling, 5xx and connection errors
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, read_timeout=30)
# "The operation cannot be performed at this time. An update is in progress": Lambda has not begun the refused call.
_BUSY = "cannot be performed at this time"
_CONFLICT_RETRIES = 30  # one a second
_LOCK = threading.Lock()
_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.SSOError,
    exceptions.TokenRetrievalError,
)
# GitHub docs, "Configuring OpenID Connect in Amazon Web Services"
_TRUST = "in the workflow `id-token: write`, and the environment that the role's trust names; then run the job again"


class Aws:
    """Clients for one environment. `variables` override the environment of the process, as for every tool.

    An empty variable counts as unset; botocore by itself would look for a profile with an empty name.
    """

    def __init__(self, environment: Environment, variables: Mapping[str, str]) -> None:
        self.environment = environment
        self._variables = variables
        self._clients: dict[str, Any] = {}

    def account(self) -> str:
        """The account of the credentials, 12 digits. Raises CloudError."""
        return self._identity["Account"]

    def caller(self) -> str:
        """The owner of the credentials: the end of the ARN, a user or the session of a role. Raises CloudError.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
        """
        return re.split("[:/]", self._identity["Arn"])[-1]

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

    def get(self, url: str, *, signed: bool, silence: float) -> tuple[int, Iterator[bytes]]:
        """The status of an answer, and its bytes as they arrive; read them inside `explained`.

        `signed`: with these credentials, for Lambda (SigV4); otherwise as anybody. `silence`: seconds without a byte
        until the connection counts as dead. Proxies and the bundle of certificates are those of every other call.
        """
        request = AWSRequest("GET", url, headers={"Accept": "text/event-stream"}, stream_output=True)
        with _environment(self._variables):
            session = botocore.session.Session()
            if signed:
                if (credentials := session.get_credentials()) is None:
                    raise exceptions.NoCredentialsError
                frozen = credentials.get_frozen_credentials()
                SigV4Auth(frozen, "lambda", self.environment.region).add_auth(request)
            verified = session.get_config_variable("ca_bundle") or True
            seconds: Any = (5, silence)  # connect, read
            http = URLLib3Session(verified, get_environ_proxies(url), timeout=seconds)
        answer = http.send(request.prepare())
        return answer.status_code, answer.raw.stream()

    def connections(self) -> Connections:
        """The proxies and certificates of boto3, for the requests that it does not make. Raises CloudError."""
        with self.explained("read the settings of AWS"), _environment(self._variables):
            # botocore reads the first one, or `ca_bundle` of the profile, and then the second one; OpenSSL the third.
            bundle = botocore.session.Session().get_config_variable("ca_bundle")
            others = (os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"))
            return Connections(getproxies_environment(), bundle or next(filter(None, others), ""))

    def explained(self, doing: str) -> AbstractContextManager[None]:
        """While open, an error of botocore becomes a CloudError that names `doing`; every call is made inside."""
        return explained(doing, self.environment)

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._make(service, _CONFIG)
        return self._clients[service]

    def _make(self, service: str, config: Config) -> Any:
        with self.explained("find AWS credentials"), _environment(self._variables):
            # `Any`: the stubs accept only literal names of services, and only handlers that return nothing.
            session: Any = boto3.Session(region_name=self.environment.region)
            session.events.register("needs-retry.lambda", retry_while_updating)
            client: Any = session.client(service, config=config)
            return client


def dns_suffix(region: str) -> str:
    """The domain of the partition of a region, such as amazonaws.com. Raises ConfigurationError for an unknown region.

    From botocore's data, which knows a new region by the pattern of its partition.
    """
    data = botocore.session.Session()
    try:
        partition = data.get_partition_for_region(region)
    except exceptions.UnknownRegionError as error:
        raise ConfigurationError(f"Unknown region: {region}", str(error), f"correct `region:` in {FILE}") from error
    outputs = {each["id"]: each["outputs"] for each in data.get_data("partitions")["partitions"]}
    return str(outputs[partition]["dnsSuffix"])


def retry_while_updating(response: Any, attempts: int, **_: Any) -> float | None:
    """Seconds until botocore retries a call that Lambda refused during an update; None for any other answer.

    The retry modes of botocore do not retry a conflict: https://docs.aws.amazon.com/boto3/latest/guide/retries.html.
    """
    error = response[1].get("Error", {}) if response else {}
    conflict = error.get("Code") == "ResourceConflictException" and _BUSY in error.get("Message", "")
    return 1.0 if conflict and attempts <= _CONFLICT_RETRIES else None


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables while a client is made: botocore reads profile, keys and endpoint from the process environment."""
    with _LOCK:
        before = dict(os.environ)
        os.environ.update(variables)
        for name in [name for name, value in variables.items() if not value]:
            del os.environ[name]
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


@contextlib.contextmanager
def explained(doing: str, environment: Environment) -> Iterator[None]:
    """Turn an error of botocore into a CloudError: what could not be done, why, and what to type."""
    try:
        yield
    except exceptions.ClientError as error:
        raise _refused(doing, error, environment) from error
    except exceptions.ProfileNotFound as error:
        raise ConfigurationError(str(error), hint="aws configure list-profiles") from error
    except _NO_CREDENTIALS as error:
        hint = "`aws sso login`, or set AWS_PROFILE, then run the same command again; in a workflow: `id-token: write`"
        raise CloudError(f"Could not {doing}: there are no valid AWS credentials.", str(error), hint) from error
    except FileNotFoundError as error:  # boto3 reads AWS_WEB_IDENTITY_TOKEN_FILE at the first call
        raise CloudError(f"Could not {doing}: there is no OIDC token.", str(error), _TRUST) from error
    except (exceptions.ConnectionError, exceptions.HTTPClientError, urllib3.exceptions.HTTPError) as error:
        hint = f"check the network and AWS_ENDPOINT_URL, then `{environment.command('doctor')}`"
        raise CloudError(f"Could not {doing}: AWS cannot be reached.", str(error), hint) from error
    except exceptions.BotoCoreError as error:
        raise CloudError(f"Could not {doing}.", str(error), environment.command("doctor")) from error


def error_code(error: exceptions.ClientError) -> str:
    """The error code in an answer of AWS, such as ResourceNotFoundException."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused(doing: str, error: exceptions.ClientError, environment: Environment) -> CloudError:
    name = error_code(error)
    if error.operation_name == "AssumeRoleWithWebIdentity":
        return CloudError(f"Could not {doing}: the role cannot be taken ({name}).", str(error), _TRUST)
    if name.startswith(("ExpiredToken", "InvalidClientTokenId", "UnrecognizedClient", "InvalidSignature")):
        hint = "`aws sso login` (or renew the credentials), then run the same command again"
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
