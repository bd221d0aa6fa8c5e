"""`invoke doctor`: run every check that a deploy depends on, and say how to mend each failure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from delivery import github, tools
from delivery.aws import bucket, function_url
from delivery.aws.function import Function
from delivery.commands import bootstrap
from delivery.context import RunContext
from delivery.errors import CloudError, DeliveryError
from delivery.image import bake
from delivery.process.shell import Shell
from delivery.terraform import state

Check = Callable[[], str]
"""Returns its result for people, or raises DeliveryError."""


@dataclass(frozen=True)
class Finding:
    """One check: its result, or its failure. `checked`: false if it could not be checked from here."""

    name: str
    result: str
    failure: DeliveryError | None = None
    checked: bool = True


class _NotCheckedError(Exception):
    """A check needs what only a person has; its message says what to do instead."""


def run_checks(checks: Iterator[tuple[str, Check]]) -> tuple[Finding, ...]:
    """Run every check; a failure does not stop the next one."""
    return tuple(_finding(name, check) for name, check in checks)


def require_success(findings: tuple[Finding, ...]) -> None:
    """Raises the first failure's class, so that the task exits with its code."""
    failures = [finding.failure for finding in findings if finding.failure]
    if failures:
        raise type(failures[0])(f"{len(failures)} of {len(findings)} checks failed.", "", failures[0].hint)


def tool_checks(shell: Shell) -> Iterator[tuple[str, Check]]:
    """The tools, without any environment."""
    for tool in tools.ALL:
        yield tool.name, lambda tool=tool: tools.check(tool, shell)  # type: ignore[misc]


def environment_checks(run: RunContext) -> Iterator[tuple[str, Check]]:
    """The tools as this environment finds them, then everything that must exist in its account."""
    yield from tool_checks(run.shell)
    yield "account", lambda: run.settings.environment.account  # compared when the environment was opened
    yield "state", lambda: _state(run)
    yield "registry", lambda: _repositories(run)
    yield "url", lambda: _urls(run)
    if repository := github.repository(run.settings.root / "infrastructure/foundation" / f"{_name(run)}.tfvars"):
        yield "github", lambda: _deployment_branches(run, repository)


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
    access = [f"{each.name}: {_access(run, each)}" for each in state.functions(run)]
    return ", ".join(access) or "nothing is deployed yet"


def _access(run: RunContext, deployed: Function) -> str:
    return function_url.check_access(run.aws, deployed) if deployed.url else "no URL before a version was verified"


def _deployment_branches(run: RunContext, repository: str) -> str:
    try:
        return github.deployment_branches(repository, _name(run), run.settings.default_branch, run.shell)
    except github.NotReadableError as error:
        command = github.api(repository, _name(run))
        raise _NotCheckedError(f"not checked: {error}; see `deployment_branch_policy` of `{command}`") from error


def _name(run: RunContext) -> str:
    return run.settings.environment.name


def _finding(name: str, check: Check) -> Finding:
    try:
        return Finding(name, check())
    except _NotCheckedError as error:
        return Finding(name, str(error), checked=False)
    except DeliveryError as error:
        return Finding(name, "", error)
