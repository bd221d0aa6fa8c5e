"""`invoke doctor`: run every check that a deploy depends on, and say how to mend each failure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from delivery import git, settings, tools
from delivery.aws import ecr, function_url
from delivery.aws.session import Aws
from delivery.commands import bootstrap
from delivery.context import Request, RunContext, require_account, start
from delivery.errors import CloudError, DeliveryError
from delivery.git import Commit
from delivery.image import bake
from delivery.process.shell import Shell
from delivery.progress import Progress
from delivery.settings import Settings
from delivery.terraform import state

Check = Callable[[], str]
"""Returns its result for people, or raises DeliveryError."""


@dataclass(frozen=True)
class Finding:
    """One check: its result, or its failure. `checked`: False when the result says why there was nothing to check."""

    name: str
    result: str
    failure: DeliveryError | None = None
    checked: bool = True


def require_success(findings: tuple[Finding, ...]) -> None:
    """Raises the first failure's class, so that the task exits with its code."""
    failures = [finding.failure for finding in findings if finding.failure]
    if failures:
        raise type(failures[0])(f"{len(failures)} of {len(findings)} checks failed.", "", failures[0].hint)


def check_tools(request: Request, shell: Shell, progress: Progress) -> tuple[Finding, ...]:
    """Check the tools without any environment. Docker may be absent where an environment starts its own engine."""
    del progress
    starting = settings.starting(request.config)
    findings = tuple(_tool_findings(shell))
    return tuple(_brought(finding, starting) if starting else finding for finding in findings)


def check_environment(request: Request, shell: Shell, progress: Progress) -> tuple[Finding, ...]:
    """Start the environment if it has `started_by`, and run every check; a failure does not stop the next one.

    What an account holds is read only if it is the right account. Raises ConfigurationError for wrong settings, and
    the errors of `started_by`.
    """
    loaded = start(settings.load(request.root, request.environment, request.config), request, progress)
    ready, aws = shell.with_variables(loaded.variables), Aws(loaded.environment, loaded.variables)
    findings = [*_tool_findings(ready)]
    findings.append(finding("account", lambda: _account(aws, loaded)))
    signed_in = not findings[-1].failure
    commits: list[Commit] = []
    findings.append(finding("commit", lambda: _commit(request, ready, commits)))
    for name, check in _CHECKS.items():
        if signed_in and commits:
            run = RunContext(loaded, commits[0], ready, aws, progress, request.scratch)
            findings.append(finding(name, lambda check=check, run=run: check(run)))  # type: ignore[misc]
        else:
            what = "commit" if signed_in else "account"
            findings.append(Finding(name, f"not checked: it needs the {what}", checked=False))
    return tuple(findings)


def finding(name: str, check: Check) -> Finding:
    """Run one check."""
    try:
        return Finding(name, check())
    except DeliveryError as error:
        return Finding(name, "", error)


def _tool_findings(shell: Shell) -> Iterator[Finding]:
    for tool in tools.ALL:
        yield finding(tool.name, lambda tool=tool: tools.check(tool, shell))  # type: ignore[misc]


def _brought(finding: Finding, starting: tuple[str, ...]) -> Finding:
    """An absent Docker is no failure for the environments that start their own engine."""
    if not finding.failure or finding.name not in (tools.DOCKER.name, tools.BUILDX.name):
        return finding
    names = ", ".join(f"`invoke doctor --env {name}`" for name in starting)
    return Finding(finding.name, f"{finding.failure.what} {names} starts its own; others need it.", checked=False)


def _account(aws: Aws, loaded: Settings) -> str:
    require_account(aws, loaded)
    return loaded.environment.account


def _commit(request: Request, shell: Shell, commits: list[Commit]) -> str:
    commits.append(git.read_commit(request.root, shell))
    return commits[0].short


def _state(run: RunContext) -> str:
    if not bootstrap.bucket_exists(run):
        raise CloudError("The state bucket does not exist.", "", run.settings.environment.command("bootstrap"))
    return run.settings.environment.state_bucket


def _repositories(run: RunContext) -> str:
    names = bake.targets(run.settings, run.shell)
    images = bake.images(run.settings, names)
    ecr.require_repositories(run.aws, images)
    return ", ".join(image.repository for image in images)


def _urls(run: RunContext) -> str:
    access = [f"{each.name}: {function_url.check_access(run.aws, each)}" for each in state.functions(run)]
    return ", ".join(access) or "nothing is deployed yet"


_CHECKS: Mapping[str, Callable[[RunContext], str]] = {"state": _state, "registry": _repositories, "url": _urls}
"""What must exist in the account of an environment."""
