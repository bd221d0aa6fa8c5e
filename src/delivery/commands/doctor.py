"""Looks at everything a deploy needs, one line each, and says how to mend what is missing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from delivery import tools
from delivery.aws import ecr, function_url
from delivery.commands import bootstrap
from delivery.context import RunContext
from delivery.errors import CloudError, DeliveryError
from delivery.image import bake
from delivery.process.shell import Shell
from delivery.terraform import state


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what was found, or the failure."""

    name: str
    found: str
    failure: DeliveryError | None = None


def run_checks(checks: Iterator[tuple[str, Callable[[], str]]]) -> tuple[Finding, ...]:
    """Every check, the failing ones too."""
    return tuple(_finding(name, check) for name, check in checks)


def report(findings: tuple[Finding, ...], update: Callable[[str], None]) -> None:
    """One line each; then raises the first failure, whose code the task ends with."""
    for finding in findings:
        mark = "✗" if finding.failure else "✓"
        update(f"{mark} {finding.name:<14} {finding.failure or finding.found}")
    failures = [finding.failure for finding in findings if finding.failure]
    if failures:
        raise type(failures[0])(f"{len(failures)} of {len(findings)} checks failed.", "", failures[0].hint)


def tool_checks(shell: Shell) -> Iterator[tuple[str, Callable[[], str]]]:
    """The tools, whatever the environment."""
    for tool in tools.ALL:
        yield tool.name, lambda tool=tool: tools.check(tool, shell)  # type: ignore[misc]


def environment_checks(run: RunContext) -> Iterator[tuple[str, Callable[[], str]]]:
    """The tools as this environment sees them, then what has to exist in its account."""
    yield from tool_checks(run.shell)
    yield "account", lambda: run.settings.environment.account  # compared when the run was opened
    yield "state", lambda: _state(run)
    yield "registry", lambda: _repositories(run)
    yield "url", lambda: _urls(run)


def _state(run: RunContext) -> str:
    if not bootstrap.bucket_exists(run):
        raise CloudError("The state bucket does not exist.", "", run.settings.environment.command("bootstrap"))
    return bootstrap.bucket(run)


def _repositories(run: RunContext) -> str:
    names = bake.targets(run.settings, run.shell)
    images = bake.images(run.settings, names, run.commit)
    ecr.require_repositories(run.aws, images)
    return ", ".join(image.repository for image in images)


def _urls(run: RunContext) -> str:
    targets = state.functions(run)
    return (
        ", ".join(f"{it.name}: {function_url.check_access(run.aws, it)}" for it in targets) or "nothing is deployed yet"
    )


def _finding(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, check())
    except DeliveryError as error:
        return Finding(name, "", error)
