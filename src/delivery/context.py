"""The settings, commit, shell, AWS clients, progress and scratch folder of one environment, for one run of a task."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from delivery import git, inputs, scratch, settings, tools
from delivery.aws import regions, session
from delivery.aws.session import Aws
from delivery.errors import ConfigurationError, RefusedError
from delivery.git import Commit
from delivery.process import parallel
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
    """An environment by name, with the project's merged configuration, its sources, and the run's scratch folder."""

    root: Path
    environment: str | None
    config: Mapping[str, Any]
    scratch: Path
    sources: settings.Sources = ()


def open_context(request: Request, shell: Shell, progress: Progress) -> RunContext:
    """Check settings, tools and account, and start the environment if it has `started_by`.

    The account number is compared before anything in the account is read or changed. Raises ConfigurationError,
    MissingToolError, RefusedError, CloudError, and the errors of `started_by`.
    """
    loaded = settings.load(request.root, request.environment, request.config, request.sources)
    parallel.beside(lambda: [tools.check(tool, shell) for tool in (tools.GIT, tools.TERRAFORM)], session.preload)
    loaded = start(loaded, request, progress)
    ready = shell.with_variables(loaded.variables)
    aws = Aws(loaded.environment, ready.variables)
    _resolve_credentials(aws, progress)
    # An account that is another one ends the run here; git reads the checkout only.
    (commit, exported), _ = parallel.beside(lambda: _read_files(request, ready), lambda: _require_account(aws, loaded))
    loaded = replace(loaded, exported=exported)
    return RunContext(loaded, commit, ready.with_credentials(aws.credentials), aws, progress, request.scratch)


def _read_files(request: Request, shell: Shell) -> tuple[Commit, Path | None]:
    """The commit, and the folder with its files; None for a dirty commit."""
    commit = read_commit(request, shell)
    if commit.dirty:
        return commit, None
    return commit, export(request.root, commit.sha, request.scratch, shell)


def export(root: Path, sha: str, folder: Path, shell: Shell) -> Path:
    """The files of a commit, in the scratch folder of this run. Raises ConfigurationError."""
    return git.export(root, sha, scratch.exported(folder, sha), shell, scratch.kept(folder))


def require_docker(run: RunContext) -> str:
    """The engine's and buildx's versions, and the builder if one is named, for people.

    Raises MissingToolError, or ConfigurationError for a builder that does not exist.
    """
    engine, buildx = (tools.check(tool, run.shell) for tool in (tools.DOCKER, tools.BUILDX))
    builder = f", {tools.check_builder(run.settings.builder, run.shell)}" if run.settings.builder else ""
    return f"Docker {engine}, buildx {buildx}{builder}"


def start(loaded: Settings, request: Request, progress: Progress) -> Settings:
    """The settings of the environment, which is started if it has `started_by`. Raises the errors of `started_by`."""
    return _with_registry(_start(loaded, request, progress) if loaded.started_by else loaded)


def read_commit(request: Request, shell: Shell) -> Commit:
    """The commit that is checked out. Raises ConfigurationError or MissingToolError."""
    return git.read_commit(request.root, shell, lambda: inputs.find(request.root, shell))


def _with_registry(loaded: Settings) -> Settings:
    environment = loaded.environment
    registry = environment.registry or regions.registry(environment.account, environment.region)
    return replace(loaded, environment=replace(environment, registry=registry))


def _start(loaded: Settings, request: Request, progress: Progress) -> Settings:
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
    return settings.load(request.root, name, settings.started(request.config, name, more), request.sources)


def sign_in(aws: Aws, loaded: Settings, progress: Progress) -> None:
    """Resolve the credentials, which may ask a person for an MFA code, and compare their account.

    Raises RefusedError when it is another account than that of the environment, CloudError, or ConfigurationError.
    """
    _resolve_credentials(aws, progress)
    _require_account(aws, loaded)


def _resolve_credentials(aws: Aws, progress: Progress) -> None:
    with progress.asking():
        aws.credentials()


def _require_account(aws: Aws, loaded: Settings) -> None:
    actual, expected = aws.account(), loaded.environment.account
    if actual != expected:
        hint = f"choose the profile of {expected}, e.g. AWS_PROFILE={loaded.environment.name}"
        raise RefusedError(
            f"These credentials belong to account {actual}; {loaded.environment.name} is {expected}.",
            "Nothing was read or changed.",
            aws.shadowed_profile or hint,
        )
