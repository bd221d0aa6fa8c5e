"""The credentials of the function's role.

Lambda sets the keys as variables. A function with SnapStart, or on Managed Instances, lives longer than such keys, so
it gets the address of a provider instead. Source: AWS SDKs and tools reference guide, "Container credential provider";
Lambda developer guide, "Lambda SnapStart", on environment variables.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from sse_streaming.http_client import HttpClient, Request
from sse_streaming.signature import Credentials

_SECONDS = 2.0
_EARLY = timedelta(minutes=5)


class CredentialsError(OSError):
    """The function has no credentials, or their provider does not answer."""


class CredentialsProvider:
    """The credentials that the environment variables name."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._kept: Credentials | None = None
        self._until = datetime.min.replace(tzinfo=UTC)

    async def get(self) -> Credentials:
        """Return credentials that are valid now. Raises CredentialsError."""
        if key := self._environment.get("AWS_ACCESS_KEY_ID"):
            secret = self._environment.get("AWS_SECRET_ACCESS_KEY", "")
            return Credentials(key, secret, self._environment.get("AWS_SESSION_TOKEN", ""))
        if self._kept is None or datetime.now(UTC) > self._until - _EARLY:
            self._kept = await self._ask()
        return self._kept

    async def _ask(self) -> Credentials:
        address = self._environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if not address:
            raise CredentialsError("there are no AWS credentials")
        url = urlsplit(address)
        headers = [("authorization", self._environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", ""))]
        client = HttpClient(f"{url.scheme}://{url.netloc}", _SECONDS)
        target = url.path + (f"?{url.query}" if url.query else "")
        answer = await client.send(Request("GET", target, headers))
        try:
            document = json.loads(answer.body)
            self._until = datetime.fromisoformat(document["Expiration"])
            return Credentials(document["AccessKeyId"], document["SecretAccessKey"], document["Token"])
        except (ValueError, KeyError, TypeError) as error:
            raise CredentialsError(f"the provider of credentials answered {answer.status}") from error
