"""Sign a request to AWS with Signature Version 4.

Source: IAM user guide, "Create a signed AWS API request". botocore has the same code, but importing it costs more than
the whole start of this function (docs/performance.md).
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Credentials:
    """The keys of the function's role. `token` is empty for the keys of a user."""

    key: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Scope:
    """What a signature is valid for."""

    region: str
    service: str


def sign(
    credentials: Credentials, scope: Scope, headers: dict[str, str], body: bytes, at: datetime
) -> list[tuple[str, str]]:
    """Return `headers` with the headers of the signature, for a POST to the path `/` without a query.

    Args:
        credentials: of the caller.
        scope: the region and the service that the request goes to.
        headers: names in lower case; `host` must be among them. All of them are signed.
        body: the body of the request.
        at: the time of the request, in UTC.
    """
    time = at.strftime("%Y%m%dT%H%M%SZ")
    signed = {**headers, "x-amz-date": time}
    if credentials.token:
        signed["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(signed))
    lines = [f"{name}:{signed[name]}" for name in sorted(signed)]
    canonical = "\n".join(["POST", "/", "", *lines, "", names, hashlib.sha256(body).hexdigest()])
    place = f"{time[:8]}/{scope.region}/{scope.service}/aws4_request"
    text = "\n".join([_ALGORITHM, time, place, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{credentials.secret}".encode()
    for part in place.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    who = f"Credential={credentials.key}/{place}"
    return [*signed.items(), ("authorization", f"{_ALGORITHM} {who}, SignedHeaders={names}, Signature={signature}")]
