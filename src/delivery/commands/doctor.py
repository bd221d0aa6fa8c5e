"""`invoke doctor`: run every check that a deploy depends on, and say how to mend each failure."""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from delivery import github, settings, tools
from delivery.aws import bucket, function_url
from delivery.aws.function import Function
from delivery.aws.session import Aws
from delivery.commands import bootstrap
from delivery.context import Request, RunContext, read_commit, sign_in, start
from delivery.errors import CloudError
from delivery.git import Commit
from delivery.image import bake
from delivery.process import parallel
from delivery.process.shell import Shell
from delivery.progress import Progress
from delivery.settings import Settings
from delivery.terraform import state

Check = Callable[[], str]
"""Returns its result for people, or raises an error with an exit code."""


@dataclass(frozen=True)
class Finding:
    """One check: its result, or its failure. `checked`: false if it could not be checked from here.

    `failure`: a DeliveryError, or what `started_by` raised: an error with `what`, `hint` and `exit_code`.
    """

    name: str
    result: str
    failure: Any = None
    checked: bool = True


class _NotCheckedError(Exception):
    """A check needs what only a person has; its message says what to do instead."""


def require_success(findings: tuple[Finding, ...]) -> None:
    """Raises the first failure's class, so that the task exits with its code."""
    failures = [finding.failure for finding in findings if finding.failure]
    if failures:
        raise type(failures[0])(f"{len(failures)} of {len(findings)} checks failed.", "", failures[0].hint)


def check_tools(request: Request, shell: Shell, progress: Progress) -> tuple[Finding, ...]:
    """Check the tools without any environment. Docker may be absent where an environment starts its own engine."""
    del progress
    starting = settings.starting(request.config)
    build = request.config.get("build")
    builder = build.get("builder") if isinstance(build, Mapping) else ""
    findings = (*_tool_findings(shell), *_builder(builder, shell))
    return tuple(_brought(finding, starting) if starting else finding for finding in findings)


def check_environment(request: Request, shell: Shell, progress: Progress) -> tuple[Finding, ...]:
    """Start the environment if it has `started_by`, and run every check; a failure does not stop the next one.

    The content of an account is read only if it is the right account. Raises ConfigurationError for an unknown
    environment.
    """
    settings.chosen(request.config, [str(request.environment)])
    started: list[Settings] = []
    ready_to_start = finding("settings", lambda: _started(request, progress, started))
    if not started:
        return _unstarted(request, shell, ready_to_start)
    (loaded,) = started
    ready = shell.with_variables(loaded.variables)
    aws = Aws(loaded.environment, ready.variables)
    others = tuple(name for name in settings.starting(request.config) if name != request.environment)
    tool_findings = tuple(_with_hint(each, others) for each in _tool_findings(ready))
    account = finding("account", lambda: _account(aws, loaded, progress))
    commits: list[Commit] = []
    commit = finding("commit", lambda: _commit(request, ready, commits))
    if account.failure or not commits:
        reason = f"not checked: it needs the {'account' if account.failure else 'commit'}"
        content = tuple(Finding(name, reason, checked=False) for name in _CONTENT)
    else:
        signed_in = ready.with_credentials(aws.credentials)
        run = RunContext(loaded, commits[0], signed_in, aws, progress, request.scratch)
        content = parallel.map(
            ready, lambda each: finding(each[0], functools.partial(each[1], run)), tuple(_CONTENT.items())
        )
    return (*tool_findings, *_builder(loaded.builder, ready), account, commit, *content, *_github(loaded, ready))


def finding(name: str, check: Check) -> Finding:
    """Run one check. An error without an exit code is a defect of the program, and is raised."""
    try:
        return Finding(name, check())
    except _NotCheckedError as error:
        return Finding(name, str(error), checked=False)
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        return Finding(name, "", error)


def _started(request: Request, progress: Progress, started: list[Settings]) -> str:
    loaded = settings.load(request.root, request.environment, request.config, request.sources)
    started.append(start(loaded, request, progress))
    return loaded.environment.name


def _unstarted(request: Request, shell: Shell, failed: Finding) -> tuple[Finding, ...]:
    """The checks that need neither the settings nor what starts the environment."""
    commit = finding("commit", lambda: _commit(request, shell, []))
    rest = (Finding(name, "not checked: it needs the settings", checked=False) for name in ("account", *_CONTENT))
    return (*_tool_findings(shell), failed, commit, *rest)


def _tool_findings(shell: Shell) -> Iterator[Finding]:
    for tool in tools.ALL:
        yield finding(tool.name, lambda tool=tool: tools.check(tool, shell))  # type: ignore[misc]


def _builder(name: object, shell: Shell) -> Iterator[Finding]:
    """The builder that the settings name, if they name one."""
    if name and isinstance(name, str):
        yield finding("builder", lambda: tools.check_builder(name, shell))


def _github(loaded: Settings, shell: Shell) -> Iterator[Finding]:
    """Who may deploy from the repository at GitHub, if jobs of one may."""
    name = loaded.environment.name
    if repository := github.repository(loaded.root / "infrastructure/foundation" / f"{name}.tfvars"):
        yield finding("github", lambda: _deployment_branches(loaded, shell, repository))


def _brought(finding: Finding, starting: tuple[str, ...]) -> Finding:
    """An absent Docker is no failure for the environments that start their own engine."""
    if not finding.failure or finding.name not in (tools.DOCKER.name, tools.BUILDX.name):
        return finding
    names = ", ".join(f"`invoke doctor --env {name}`" for name in starting)
    text = f"{finding.failure.what} {names} brings its own engine; other environments need one."
    return Finding(finding.name, text, checked=False)


def _with_hint(finding: Finding, starting: tuple[str, ...]) -> Finding:
    """An absent Docker is a failure here; the hint names the environments that bring their own."""
    if not finding.failure or finding.name not in (tools.DOCKER.name, tools.BUILDX.name) or not starting:
        return finding
    failure, names = finding.failure, ", ".join(starting)
    hint = f"{failure.hint}; or `--env {starting[0]}`: {names} brings its own engine"
    return replace(finding, failure=type(failure)(failure.what, failure.why, hint))


def _account(aws: Aws, loaded: Settings, progress: Progress) -> str:
    sign_in(aws, loaded, progress)
    return loaded.environment.account


def _commit(request: Request, shell: Shell, commits: list[Commit]) -> str:
    commits.append(read_commit(request, shell))
    return commits[0].short


def _state(run: RunContext) -> str:
    if not bucket.exists(run.aws):
        raise CloudError("The state bucket does not exist.", "", run.settings.environment.command("bootstrap"))
    return run.settings.environment.state_bucket


def _repositories(run: RunContext) -> str:
    names = bake.targets(run.settings, run.shell)
    images = bake.images(run.settings, names)
    bootstrap.require(run, names)
    return ", ".join(image.repository for image in images)


def _urls(run: RunContext) -> str:
    access = parallel.map(run.shell, functools.partial(_access, run), state.functions(run))
    return ", ".join(access) or "nothing is deployed yet"


def _access(run: RunContext, deployed: Function) -> str:
    access = function_url.check_access(run.aws, deployed) if deployed.url else "no URL"
    return f"{deployed.name}: {access}"


def _deployment_branches(loaded: Settings, shell: Shell, repository: str) -> str:
    name = loaded.environment.name
    try:
        return github.deployment_branches(repository, name, loaded.default_branch, shell)
    except github.NotReadableError as error:
        command = github.api(repository, name)
        raise _NotCheckedError(f"not checked: {error}; see `deployment_branch_policy` of `{command}`") from error


_CONTENT: Mapping[str, Callable[[RunContext], str]] = {"state": _state, "registry": _repositories, "url": _urls}
"""The checks of what an account holds."""
