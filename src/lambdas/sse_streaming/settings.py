"""What the environment says about this function, read once at start."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

SHORTEST_INTERVAL = 0.05
LONGEST_INTERVAL = 60.0

_DEFAULT_HEARTBEAT_SECONDS = "15"
_LAMBDA_LONGEST_TIMEOUT = "900"


class SettingsError(ValueError):
    """An environment variable has a value the function cannot run with."""


@dataclass(frozen=True)
class Identity:
    """Which code answers: function version, git commit, image digest; "unknown" where not told."""

    version: str
    commit: str
    digest: str


@dataclass(frozen=True)
class Settings:
    """identity of the code; seconds between heartbeats; the function's timeout in seconds."""

    identity: Identity
    heartbeat_seconds: float
    timeout_seconds: float


def load(environment: Mapping[str, str]) -> Settings:
    """Read the settings. Raises SettingsError naming the variable and the values it may have."""
    identity = Identity(
        version=environment.get("AWS_LAMBDA_FUNCTION_VERSION") or "unknown",
        commit=environment.get("COMMIT") or "unknown",
        digest=environment.get("IMAGE_DIGEST") or "unknown",
    )
    heartbeat = _seconds(environment, "HEARTBEAT_SECONDS", _DEFAULT_HEARTBEAT_SECONDS)
    if not SHORTEST_INTERVAL <= heartbeat <= LONGEST_INTERVAL:
        raise SettingsError(
            f"HEARTBEAT_SECONDS must be {SHORTEST_INTERVAL} to {LONGEST_INTERVAL}, not {heartbeat}; "
            f"try: HEARTBEAT_SECONDS={_DEFAULT_HEARTBEAT_SECONDS}"
        )
    timeout = _seconds(environment, "AWS_LAMBDA_FUNCTION_TIMEOUT", _LAMBDA_LONGEST_TIMEOUT)
    return Settings(identity, heartbeat, timeout)


def _seconds(environment: Mapping[str, str], name: str, default: str) -> float:
    text = environment.get(name) or default
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise SettingsError(f"{name} must be a number of seconds, not {text!r}; try: {name}={default}")
    return seconds
