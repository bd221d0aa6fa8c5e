"""The function's settings, read from environment variables when the process starts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

MIN_INTERVAL = 0.05
"""Seconds."""
MAX_INTERVAL = 60.0
"""Seconds."""

_DEFAULT_HEARTBEAT_SECONDS = "15"


class SettingsError(ValueError):
    """The function cannot run with the value of an environment variable."""


@dataclass(frozen=True)
class Identity:
    """The code that runs: the version of the function; "unknown" without one. Lambda knows the image of a version."""

    version: str


@dataclass(frozen=True)
class Settings:
    """The identity of the code, and the seconds between heartbeats."""

    identity: Identity
    heartbeat_seconds: float


def load(environment: Mapping[str, str]) -> Settings:
    """Return the settings. Raises SettingsError, which names the variable and the values that it may have."""
    identity = Identity(version=environment.get("AWS_LAMBDA_FUNCTION_VERSION") or "unknown")
    heartbeat = _seconds(environment, "HEARTBEAT_SECONDS", _DEFAULT_HEARTBEAT_SECONDS)
    if not MIN_INTERVAL <= heartbeat <= MAX_INTERVAL:
        raise SettingsError(
            f"HEARTBEAT_SECONDS must be {MIN_INTERVAL} to {MAX_INTERVAL}, not {heartbeat}; "
            f"try: HEARTBEAT_SECONDS={_DEFAULT_HEARTBEAT_SECONDS}"
        )
    return Settings(identity, heartbeat)


def _seconds(environment: Mapping[str, str], name: str, default: str) -> float:
    text = environment.get(name) or default
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise SettingsError(f"{name} must be a number of seconds, not {text!r}; try: {name}={default}")
    return seconds
