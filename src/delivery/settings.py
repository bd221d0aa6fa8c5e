"""The settings of one environment, checked before anything else looks at them.

They come from Invoke's own configuration (`invoke.yaml`, overridden by INVOKE_* variables), so every message
names the key and the file.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, cast

from delivery.errors import ConfigurationError

FILE = "invoke.yaml"
CACHES = ("registry", "gha", "local", "none")
PLATFORMS = ("linux/amd64", "linux/arm64")  # Lambda: "Architectures", one for a function
_KEYS = {"account", "region", "registry", "state_bucket", "protected", "bootstraps", "started_by", "variables"}


@dataclass(frozen=True)
class Environment:
    """Where a deploy goes. `registry` is the registry's host, `account` its 12 digits."""

    name: str
    account: str
    region: str
    registry: str
    protected: bool = False
    _: KW_ONLY
    state_bucket: str


@dataclass(frozen=True)
class Deadlines:
    """Seconds that verify waits: for the first event (a cold start), between two events, and for the end."""

    first_event: float = 60.0
    between: float = 10.0
    end: float = 15.0


@dataclass(frozen=True)
class Settings:
    """Everything a story needs to know of its environment; `variables` go to every tool it runs."""

    root: Path
    environment: Environment
    platform: str = "linux/amd64"
    cache: str = "registry"
    default_branch: str = "main"
    bootstraps: bool = False
    started_by: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)  # may be credentials
    deadlines: Deadlines = field(default_factory=Deadlines)
    lock_wait: float = 0.0
    """Seconds to wait for a state lock that somebody else holds."""


def load(root: Path, name: str | None, config: Mapping[str, Any]) -> Settings:
    """The settings of environment `name`, from Invoke's merged configuration.

    Raises ConfigurationError for an unknown environment and for a key that is missing, unknown or malformed.
    """
    raw = _environment(name, config)
    prefix = f"environments.{name}"
    account = _text(raw, prefix, "account", r"\d{12}", '12 digits in quotes, such as "123456789012"')
    region = _text(raw, prefix, "region", r"[a-z]{2}(-[a-z]+)+-\d", "an AWS region, such as eu-west-1")
    default = f"{account}.dkr.ecr.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
    registry = _text(raw, prefix, "registry", r"[\w.-]+(:\d+)?", "a registry host", default)
    derived = f"{name}-{account}-{region}-terraform-state"
    bucket = _text(raw, prefix, "state_bucket", r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", "an S3 bucket name", derived)
    protected = _flag(raw, prefix, "protected")
    build = _section(config, "build", ("platform", "cache"))
    git = _section(config, "git", ("default_branch",))
    terraform = _section(config, "terraform", ("lock_wait",))
    return Settings(
        root=root,
        environment=Environment(str(name), account, region, registry, protected, state_bucket=bucket),
        platform=_choice(build, "platform", PLATFORMS),
        cache=_choice(build, "cache", CACHES),
        default_branch=_text(git, "git", "default_branch", r"[\w./-]+", "a branch, such as main", "main"),
        bootstraps=_flag(raw, prefix, "bootstraps"),
        started_by=_text(raw, prefix, "started_by", r"[\w.]+:\w+", "module:function", ""),
        variables=_variables(raw.get("variables") or {}, f"{prefix}.variables"),
        deadlines=_deadlines(_section(config, "verify", tuple(vars(Deadlines())))),
        lock_wait=_seconds(_text(terraform, "terraform", "lock_wait", r"\d{1,5}[smh]", "a time such as 5m", "0s")),
    )


def chosen(config: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    """The environments that were named; else all that need not be started to be looked at.

    Raises ConfigurationError for an unknown one.
    """
    for name in names:
        _environment(name, config)
    known = config.get("environments") or {}
    return tuple(names) or tuple(name for name in known if not _environment(name, config).get("started_by"))


def started(config: Mapping[str, Any], name: str, more: Mapping[str, object]) -> dict[str, Any]:
    """The configuration with `more` laid over environment `name`: what its `started_by` returned."""
    environments = dict(config["environments"])
    own, found = environments[name].get("variables") or {}, more.get("variables") or {}
    environments[name] = {**environments[name], **more, "variables": {**own, **cast(Mapping[str, str], found)}}
    return {**config, "environments": environments}


def _environment(name: str | None, config: Mapping[str, Any]) -> Mapping[str, Any]:
    environments = config.get("environments")
    if not isinstance(environments, Mapping) or not environments:
        raise ConfigurationError(f"{FILE} names no environments.", hint=f"restore `environments:` in {FILE}")
    known = ", ".join(environments)
    if not name:
        raise ConfigurationError("No environment was named.", hint=f"--env with one of: {known}")
    if name not in environments:
        raise ConfigurationError(
            f"Unknown environment: {name}", f"{FILE} has: {known}", hint=f"--env {next(iter(environments))}"
        )
    raw = environments[name]
    if not isinstance(raw, Mapping):
        raise _malformed(f"environments.{name}", raw, "a map of settings")
    if unknown := sorted(set(raw) - _KEYS):
        raise ConfigurationError(
            f"Unknown setting environments.{name}.{unknown[0]} in {FILE}.",
            f"Known are: {', '.join(sorted(_KEYS))}",
            f"correct or remove it in {FILE}",
        )
    return raw


def _text(raw: Mapping[str, Any], prefix: str, key: str, pattern: str, *meaning: str) -> str:
    expected, *default = meaning
    value = raw.get(key, *default)
    if value is None:
        raise ConfigurationError(
            f"Missing setting {prefix}.{key} in {FILE}.", f"It is {expected}.", f"add `{key}:` in {FILE}"
        )
    if value in default:
        return default[0]
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise _malformed(f"{prefix}.{key}", value, expected)
    return value


def _flag(raw: Mapping[str, Any], prefix: str, key: str) -> bool:
    value = raw.get(key, False)
    if not isinstance(value, bool):
        raise _malformed(f"{prefix}.{key}", value, "true or false")
    return value


def _choice(build: Mapping[str, Any], key: str, choices: tuple[str, ...]) -> str:
    value = build.get(key, choices[0])
    if value not in choices:
        raise _malformed(f"build.{key}", value, f"one of {', '.join(choices)}")
    return str(value)


def _section(config: Mapping[str, Any], name: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    section = config.get(name) or {}
    if not isinstance(section, Mapping):
        raise _malformed(name, section, f"a map of {', '.join(known)}")
    for key, value in section.items():
        if key not in known:
            raise _malformed(f"{name}.{key}", value, f"left out: {name} has {', '.join(known)}")
    return section


def _variables(raw: object, prefix: str) -> dict[str, str]:
    if not isinstance(raw, Mapping):
        raise _malformed(prefix, raw, "a map of names to values")
    for key, value in raw.items():
        if value is None:
            raise _malformed(f"{prefix}.{key}", value, 'a value; "" for an empty one')
    return {str(key): str(value) for key, value in raw.items()}


def _seconds(text: str) -> float:
    return float(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


def _deadlines(raw: Mapping[str, Any]) -> Deadlines:
    values = {**vars(Deadlines()), **raw}
    for key, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise _malformed(f"verify.{key}", value, "a number of seconds above 0")
    return Deadlines(**values)


def _malformed(key: str, value: object, expected: str) -> ConfigurationError:
    return ConfigurationError(
        f"Malformed setting {key} in {FILE}: {value!r}", f"It must be {expected}.", f"correct it in {FILE}"
    )
