"""The function's settings, read from environment variables when the process starts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

MIN_INTERVAL = 0.05
"""Seconds."""
MAX_INTERVAL = 60.0
"""Seconds."""

_DEFAULT_HEARTBEAT_SECONDS = "15"
# The domains of the partitions with another one than amazonaws.com, from botocore's data.
_SUFFIXES = {"cn": "amazonaws.com.cn", "eusc": "amazonaws.eu"}


class SettingsError(ValueError):
    """The function cannot run with the value of an environment variable."""


@dataclass(frozen=True)
class Identity:
    """The code that runs: the version of the function; "unknown" without one. Lambda knows the image of a version."""

    version: str


@dataclass(frozen=True)
class Table:
    """The table of events: its name, its region, and the address of DynamoDB (scheme://host:port)."""

    name: str
    region: str
    endpoint: str


@dataclass(frozen=True)
class Settings:
    """The identity of the code, the seconds between heartbeats, and the table of events, if there is one."""

    identity: Identity
    heartbeat_seconds: float
    table: Table | None = None


def load(environment: Mapping[str, str]) -> Settings:
    """Return the settings. Raises SettingsError, which names the variable and the values that it may have."""
    identity = Identity(version=environment.get("AWS_LAMBDA_FUNCTION_VERSION") or "unknown")
    heartbeat = _seconds(environment, "HEARTBEAT_SECONDS", _DEFAULT_HEARTBEAT_SECONDS)
    if not MIN_INTERVAL <= heartbeat <= MAX_INTERVAL:
        raise SettingsError(
            f"HEARTBEAT_SECONDS must be {MIN_INTERVAL} to {MAX_INTERVAL}, not {heartbeat}; "
            f"try: HEARTBEAT_SECONDS={_DEFAULT_HEARTBEAT_SECONDS}"
        )
    return Settings(identity, heartbeat, _table(environment))


def _table(environment: Mapping[str, str]) -> Table | None:
    """The table that EVENTS_TABLE names. AWS SDKs and tools reference guide, "Service-specific endpoints"."""
    name, region = environment.get("EVENTS_TABLE"), environment.get("AWS_REGION", "")
    if not name:
        return None
    endpoint = environment.get("AWS_ENDPOINT_URL_DYNAMODB") or environment.get("AWS_ENDPOINT_URL")
    suffix = _SUFFIXES.get(region.partition("-")[0], "amazonaws.com")
    url = urlsplit(endpoint or f"https://dynamodb.{region}.{suffix}")
    if url.scheme not in ("http", "https") or not url.hostname:
        raise SettingsError(
            f"AWS_ENDPOINT_URL_DYNAMODB and AWS_ENDPOINT_URL must be like https://host:port, not {endpoint!r}; "
            "try: unset them, for the endpoint of AWS"
        )
    return Table(name, region, f"{url.scheme}://{url.netloc}")


def _seconds(environment: Mapping[str, str], name: str, default: str) -> float:
    text = environment.get(name) or default
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise SettingsError(f"{name} must be a number of seconds, not {text!r}; try: {name}={default}")
    return seconds
