"""The API of a registry: manifests and blobs, byte for byte.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3

from delivery.aws.connections import Connections
from delivery.errors import CloudError

# The manifests of one image; Lambda takes these two, and no index.
# https://docs.aws.amazon.com/lambda/latest/dg/images-create.html, "Requirements"
MANIFEST_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
_PIECE = 1 << 20  # bytes read and sent at a time, so that a copy needs little memory
_NONE: Mapping[str, str] = {}
_REDIRECTS = 5
_BUSY = (429, 500, 502, 503, 504)
# GET and HEAD change nothing, and a second PUT of a manifest has the same result; an upload is not retried.
_AGAIN = urllib3.Retry(total=4, backoff_factor=0.5, status_forcelist=_BUSY, allowed_methods=None, raise_on_status=False)
_TIMEOUT = urllib3.Timeout(connect=5, read=120)  # seconds; a registry hashes a large blob before it answers


class TemporaryError(CloudError):
    """A temporary failure: no connection, or a busy registry."""


class UnsupportedError(CloudError):
    """The registry does not take this request (405): ECR, for an artifact whose subject it does not have."""


@dataclass(frozen=True)
class Login:
    """A registry's address with scheme, and the password for user AWS; valid for 12 hours.

    `check`: the command to type when the registry does not answer.
    """

    endpoint: str
    password: str
    check: str = "invoke doctor"
    connections: Connections = field(default_factory=Connections)

    def __repr__(self) -> str:
        return f"Login({self.endpoint})"


@dataclass(frozen=True)
class Manifest:
    """A stored manifest: its bytes, and its media type."""

    content: bytes
    media_type: str

    @property
    def digest(self) -> str:
        """The sha256 of the bytes: OCI image spec, "Digests"."""
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"


class Repository:
    """One repository of a registry, by its name without the host. Every method raises CloudError."""

    def __init__(self, access: Login, name: str) -> None:
        self.access = access
        self.name = name
        self._headers = urllib3.make_headers(basic_auth=f"AWS:{access.password}")
        self._pools: dict[str, urllib3.PoolManager] = {}  # by host: each has its own proxy, or none

    def __repr__(self) -> str:
        return f"Repository({self.access.endpoint}/{self.name})"

    def json(self, digest: str) -> dict[str, Any]:
        """A small JSON blob, such as the configuration of an image."""
        with self._opened("GET", f"blobs/{digest}") as answer:
            document: dict[str, Any] = answer.json()
        return document

    def has(self, digest: str) -> bool:
        """Whether the repository has the blob: "Checking if content exists in the registry"."""
        with self._opened("HEAD", f"blobs/{digest}", missing=True) as answer:
            return answer.status != 404

    def manifest(self, digest: str, accepted: tuple[str, ...]) -> Manifest | None:
        """The manifest with this digest, None when the repository does not have it: "Pulling manifests"."""
        headers = {"Accept": ", ".join(accepted)}
        with self._opened("GET", f"manifests/{digest}", headers, missing=True) as answer:
            if answer.status == 404:
                return None
            return Manifest(answer.data, answer.headers["Content-Type"])

    def put(self, manifest: Manifest, tag: str = "") -> None:
        """Store the same bytes with the same media type, and with a tag if there is one: "Pushing manifests"."""
        headers = {"Content-Type": manifest.media_type}
        with self._opened("PUT", f"manifests/{tag or manifest.digest}", headers, manifest.content):
            pass

    def add(self, content: bytes) -> str:
        """Store bytes as a blob, unless the repository has them; return their digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if not self.has(digest):
            self.finish(self.begin({}), digest, len(content), iter([content]))
        return digest

    @contextlib.contextmanager
    def blob(self, digest: str) -> Iterator[Iterator[bytes]]:
        """The bytes of a blob, piece by piece. ECR redirects to S3; the redirect is followed without the password."""
        with self._opened("GET", f"blobs/{digest}") as answer:
            yield answer.stream(_PIECE, decode_content=False)

    def begin(self, mount: Mapping[str, str]) -> str:
        """Begin an upload; return the URL for the blob, or "" if the registry mounted the blob: "Mounting a blob"."""
        query = f"?{urlencode(mount)}" if mount else ""
        with self._opened("POST", f"blobs/uploads/{query}") as answer:
            return "" if answer.status == 201 else urljoin(f"{self.access.endpoint}/", answer.headers["Location"])

    def finish(self, where: str, digest: str, size: int, pieces: Iterator[bytes]) -> None:
        """Send a whole blob to the URL of an upload: "POST then PUT".

        In one request, because ECR stores only the first of several PATCH chunks
        (https://github.com/aws/containers-roadmap/issues/2831).
        """
        url = f"{where}{'&' if '?' in where else '?'}{urlencode({'digest': digest})}"
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        with self._opened("PUT", url, headers, pieces):
            pass

    @contextlib.contextmanager
    def _opened(
        self, method: str, path: str, headers: Mapping[str, str] = _NONE, body: Any = None, missing: bool = False
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        url = urljoin(f"{self.access.endpoint}/v2/{self.name}/", path)
        try:
            answer = self._answer(method, url, headers, body)
            with contextlib.closing(answer):
                if answer.status >= 300 and not (missing and answer.status == 404):
                    raise _refused(answer, f"{method} {self.name}")
                yield answer
        except urllib3.exceptions.HTTPError as error:
            raise TemporaryError("The registry cannot be reached.", str(error), self.access.check) from error

    def _answer(self, method: str, url: str, headers: Mapping[str, str], body: Any) -> urllib3.BaseHTTPResponse:
        """The answer, after redirects of a read: to another host, which may need another proxy, and no password."""
        retries = False if "/blobs/uploads/" in url else _AGAIN
        options = {"body": body, "retries": retries, "redirect": False, "preload_content": False}
        for _ in range(_REDIRECTS):
            ours = self._headers if url.startswith(f"{self.access.endpoint}/") else {}
            answer = self._pool(url).request(method, url, headers={**ours, **headers}, **options)
            where = answer.get_redirect_location() if method in ("GET", "HEAD") else None
            if not where:
                break
            answer.drain_conn()
            url = urljoin(url, where)
        return answer

    def _pool(self, url: str) -> urllib3.PoolManager:
        host = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        if host not in self._pools:
            self._pools[host] = self.access.connections.pool(url, timeout=_TIMEOUT, blocksize=_PIECE)
        return self._pools[host]


def _refused(answer: urllib3.BaseHTTPResponse, request: str) -> CloudError:
    kind = {405: UnsupportedError, **dict.fromkeys(_BUSY, TemporaryError)}.get(answer.status, CloudError)
    why = answer.data.decode(errors="replace")[:500]
    what = f"The registry answered {answer.status} to {request}."
    return kind(what, why, "run the same command again; it continues where it stopped")
