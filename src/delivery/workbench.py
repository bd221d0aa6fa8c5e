"""The composition root: the real shell, AWS, progress and settings of one environment, in one value."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery import settings as settings_module
from delivery import source as source_module
from delivery import tools
from delivery.aws import Aws
from delivery.errors import ConfigurationError, RefusedError
from delivery.progress import Progress
from delivery.settings import Settings
from delivery.shell import Shell
from delivery.source import Source


@dataclass(frozen=True)
class Workbench:
    """What a story needs to work on one environment."""

    settings: Settings
    source: Source
    shell: Shell
    aws: Aws
    progress: Progress
    scratch: Path
    """A folder for this run alone, gone after it: plans, logins, records of a build."""


@dataclass(frozen=True)
class Request:
    """What a person asked for: an environment by name, with the project's merged configuration."""

    root: Path
    environment: str | None
    config: Mapping[str, Any]
    scratch: Path


def open_bench(request: Request, shell: Shell, progress: Progress) -> Workbench:
    """Check settings, tools and account, start the environment if it is one that is started, and hand it all over.

    Nothing has been read from or written to the account before its number was compared. Raises
    ConfigurationError, MissingToolError, RefusedError, CloudError, and whatever `started_by` raises.
    """
    settings = settings_module.load(request.root, request.environment, request.config)
    for tool in (tools.GIT, tools.TERRAFORM):
        tools.check(tool, shell)
    if settings.started_by:
        settings = _started(settings, request, progress)
    ready = shell.with_variables(settings.variables)
    source = source_module.read(request.root, ready)
    aws = Aws(settings.environment.region, settings.variables)
    _require_account(aws, settings)
    return Workbench(settings, source, ready, aws, progress, request.scratch)


def require_docker(bench: Workbench) -> str:
    """The engine's and buildx's versions in words. Raises MissingToolError."""
    engine, buildx = (tools.check(tool, bench.shell) for tool in (tools.DOCKER, tools.BUILDX))
    return f"Docker {engine}, buildx {buildx}"


def _started(settings: Settings, request: Request, progress: Progress) -> Settings:
    module, _, function = settings.started_by.partition(":")
    try:
        start: Callable[..., Mapping[str, object]] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        key = f"environments.{settings.environment.name}.started_by"
        hint = f"correct it in {settings_module.FILE}"
        raise ConfigurationError(f"Wrong setting {key} in {settings_module.FILE}.", str(error), hint) from error
    name = settings.environment.name
    with progress.stage(name) as stage:
        more = start(request.root, stage.say)
        stage.done("ready")
    return settings_module.load(request.root, name, settings_module.started(request.config, name, more))


def _require_account(aws: Aws, settings: Settings) -> None:
    found, expected = aws.account(), settings.environment.account
    if found != expected:
        raise RefusedError(
            f"These credentials belong to account {found}; {settings.environment.name} is {expected}.",
            "Nothing was read or changed.",
            f"choose the profile of {expected}, e.g. AWS_PROFILE={settings.environment.name}",
        )
