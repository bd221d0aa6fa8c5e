"""Looks at everything a deploy needs, one line each, and says how to mend what is missing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from delivery import bootstrap, docker, function_url, registry, state, tools
from delivery.errors import CloudError, DeliveryError
from delivery.shell import Shell
from delivery.workbench import Workbench


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what was found, or the failure."""

    name: str
    found: str
    failure: DeliveryError | None = None


def look(checks: Iterator[tuple[str, Callable[[], str]]]) -> tuple[Finding, ...]:
    """Every check, the failing ones too."""
    return tuple(_finding(name, check) for name, check in checks)


def tell(findings: tuple[Finding, ...], say: Callable[[str], None]) -> None:
    """One line each; then raises the first failure, whose code the task ends with."""
    for finding in findings:
        mark = "✗" if finding.failure else "✓"
        say(f"{mark} {finding.name:<14} {finding.failure or finding.found}")
    failures = [finding.failure for finding in findings if finding.failure]
    if failures:
        raise type(failures[0])(f"{len(failures)} of {len(findings)} checks failed.", "", failures[0].hint)


def of_tools(shell: Shell) -> Iterator[tuple[str, Callable[[], str]]]:
    """The tools, whatever the environment."""
    for tool in tools.ALL:
        yield tool.name, lambda tool=tool: tools.check(tool, shell)  # type: ignore[misc]


def of_environment(bench: Workbench) -> Iterator[tuple[str, Callable[[], str]]]:
    """The tools as this environment sees them, then what has to exist in its account."""
    yield from of_tools(bench.shell)
    yield "account", lambda: bench.settings.environment.account  # compared when the bench was opened
    yield "state", lambda: _state(bench)
    yield "registry", lambda: _repositories(bench)
    yield "url", lambda: _urls(bench)


def _state(bench: Workbench) -> str:
    if not bootstrap.bucket_exists(bench):
        raise CloudError("The state bucket does not exist.", "", "invoke bootstrap --env ...")
    return bench.settings.environment.state_bucket


def _repositories(bench: Workbench) -> str:
    names = docker.targets(bench.settings, bench.shell)
    images = docker.images(bench.settings, names, bench.source)
    registry.require_repositories(bench.aws, images)
    return ", ".join(image.repository for image in images)


def _urls(bench: Workbench) -> str:
    targets = state.functions(bench)
    return ", ".join(f"{it.name}: {function_url.look(bench.aws, it)}" for it in targets) or "nothing is deployed yet"


def _finding(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, check())
    except DeliveryError as error:
        return Finding(name, "", error)
