"""The settings, commit, shell, AWS clients, progress and scratch folder of one environment, for one run of a task."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery import git, settings, tools
from delivery.aws.session import Aws
from delivery.errors import ConfigurationError, RefusedError
from delivery.git import Commit
from delivery.process.shell import Shell
from delivery.progress import Progress
from delivery.settings import Settings


@dataclass(frozen=True)
class RunContext:
    """Everything that a command needs to work on one environment."""

    settings: Settings
    commit: Commit
    shell: Shell
    aws: Aws
    progress: Progress
    scratch: Path
    """A folder for this run alone, removed at its end: plans, logins, build records."""


@dataclass(frozen=True)
class Request:
    """An environment by name, with the project's merged configuration and the scratch folder of the run."""

    root: Path
    environment: str | None
    config: Mapping[str, Any]
    scratch: Path


def open_context(request: Request, shell: Shell, progress: Progress) -> RunContext:
    """Check settings, tools and account, and start the environment if it has `started_by`.

    The account number is compared before anything in the account is read or changed. Raises ConfigurationError,
    MissingToolError, RefusedError, CloudError, and the errors of `started_by`.
    """
    loaded = settings.load(request.root, request.environment, request.config)
    for tool in (tools.GIT, tools.TERRAFORM):
        tools.check(tool, shell)
    loaded = start(loaded, request, progress)
    ready = shell.with_variables(loaded.variables)
    commit = git.read_commit(request.root, ready)
    aws = Aws(loaded.environment, loaded.variables)
    require_account(aws, loaded)
    return RunContext(loaded, commit, ready, aws, progress, request.scratch)


def require_docker(run: RunContext) -> str:
    """The engine's and buildx's versions, for people. Raises MissingToolError."""
    engine, buildx = (tools.check(tool, run.shell) for tool in (tools.DOCKER, tools.BUILDX))
    return f"Docker {engine}, buildx {buildx}"


def start(loaded: Settings, request: Request, progress: Progress) -> Settings:
    """Start the environment if it has `started_by`; return its settings. Raises the errors of `started_by`."""
    if not loaded.started_by:
        return loaded
    name = loaded.environment.name
    module_name, _, function = loaded.started_by.partition(":")
    try:
        module = importlib.import_module(module_name)
        start: Callable[..., Mapping[str, object]] = getattr(module, function)
    except (ImportError, AttributeError) as error:
        key = f"environments.{name}.started_by"
        hint = f"correct it in {settings.FILE}"
        raise ConfigurationError(f"Wrong setting {key} in {settings.FILE}.", str(error), hint) from error
    left = getattr(module, "INTERRUPTED", f"{name} may be started in part; the next run starts the rest")
    with progress.stage(name, interrupted=left) as stage:
        more = start(request.root, stage.update)
        stage.done("ready")
    return settings.load(request.root, name, settings.started(request.config, name, more))


def require_account(aws: Aws, loaded: Settings) -> None:
    """Raises RefusedError when the credentials belong to another account than the environment, or CloudError."""
    actual, expected = aws.account(), loaded.environment.account
    if actual != expected:
        raise RefusedError(
            f"These credentials belong to account {actual}; {loaded.environment.name} is {expected}.",
            "Nothing was read or changed.",
            f"choose the profile of {expected}, e.g. AWS_PROFILE={loaded.environment.name}",
        )
