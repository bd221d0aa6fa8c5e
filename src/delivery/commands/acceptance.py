"""`invoke acceptance`: run tests/acceptance against what is live, and record the result for exactly these images.

    alias `live` -> version -> digest --> pytest, with the plugin of this suite --> is the same still live? --> record
    a canary shares the requests: refused      | a test fails: exit 7, and an image that was accepted is rejected

The tests are those of the work tree. They run in a child, which gets the credentials as environment variables and the
facts as a file.
"""

import contextlib
import functools
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from delivery.aws import function, function_url
from delivery.aws.function import Function, Version
from delivery.commands.acceptance_plugin import RESULTS, Facts, Results
from delivery.context import RunContext
from delivery.errors import BuildError, ConfigurationError, DeliveryError, RefusedError, UnhealthyError
from delivery.process import parallel
from delivery.process.shell import Command, Result
from delivery.progress import UNCHANGED
from delivery.release import acceptance, history

FOLDER = "tests/acceptance"
_FACTS = "deployed.json"
_PLUGIN = "delivery.commands.acceptance_plugin"
_PAGE = "docs/functions.md, Acceptance tests"
_SHOWN = 20  # failed tests that the error lists; pytest has printed all
# A person's or a workflow's options for other tests must not leave any of these out. The token makes other tokens.
_WITHOUT = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
# `addopts` of pyproject.toml belong to other tests, too. https://docs.pytest.org/en/stable/reference/reference.html
_OPTIONS = ("-o", "addopts=", "-o", "xfail_strict=true", "-p", "no:cacheprovider", "--import-mode=importlib")
_OUTPUT = ("--strict-markers", "--verbose", "--tb=short", "--no-header", "--color=no")


@dataclass(frozen=True)
class Live:
    """The version of a function that serves all requests. `public`: whether its URL takes unsigned ones."""

    version: Version
    public: bool


def accept(run: RunContext, every: tuple[Function, ...], chosen: tuple[Function, ...]) -> tuple[Version, ...]:
    """Test the deployed functions, record that those of `chosen` are accepted, and return their versions.

    `every`: all that are deployed; a test may call each. Raises RefusedError during a canary, and when another version
    became live meanwhile; UnhealthyError when a test fails; ConfigurationError when no test ran; CloudError.
    """
    with run.progress.stage("guards", interrupted=UNCHANGED) as stage:
        judged, facts = _read(run, every, chosen)
        stage.done(", ".join(f"{_name(version)} {version.pushed_image.short_digest}" for version in judged))
    with run.progress.stage("accept", interrupted="nothing was recorded") as stage:
        results = _test(run, facts)
        if results.failed:
            raise _rejected(run, judged, _failing(run, results))
        _require_passed(results, facts)
        unnamed = [name for name in facts.only if name not in results.named]
        stage.warn(*(f"no test names {name}; see {_PAGE}" for name in unnamed))
        stage.done(f"{results.passed} passed" + (f", {results.skipped} skipped" if results.skipped else ""))
    left = f"a part may be recorded: `{run.settings.environment.command('releases')}` shows it"
    with run.progress.stage("record", interrupted=left, after="the images are accepted") as stage:
        if moved := _moved(run, judged):
            what = f"Another version became live while the tests ran: {', '.join(moved)}."
            raise RefusedError(what, "Nothing was recorded.", run.settings.environment.command("acceptance"))
        acceptance.record(run, judged, accepted=True)
        stage.done(f"accepted: {', '.join(map(_name, judged))}")
    return judged


def _read(
    run: RunContext, every: tuple[Function, ...], chosen: tuple[Function, ...]
) -> tuple[tuple[Version, ...], Facts]:
    """The versions that are judged, and the facts for the tests."""
    others = tuple(deployed for deployed in every if deployed not in chosen)
    judged = parallel.map(run.shell, functools.partial(_live, run), chosen)
    beside = filter(None, parallel.map(run.shell, functools.partial(_live_if_any, run), others))
    facts = Facts(
        asdict(run.settings.environment),
        {each.version.image: _facts(each) for each in (*judged, *beside)},
        deployed=tuple(deployed.image for deployed in every),
        only=tuple(deployed.image for deployed in chosen),
        silence=run.settings.deadlines.first_event,
    )
    return tuple(each.version for each in judged), facts


def _live_if_any(run: RunContext, deployed: Function) -> Live | None:
    """A function that is not judged; None if no test can be made to expect a version of it."""
    with contextlib.suppress(BuildError, RefusedError, UnhealthyError):
        return _live(run, deployed)
    return None


def _live(run: RunContext, deployed: Function) -> Live:
    version = history.verified_live(run, deployed)
    if shares := function.read_alias(run.aws, deployed).weights:
        others = ", ".join(f"version {number} has {share * 100:.4g}%" for number, share in shares.items())
        what = f"A canary of {deployed.image} is running, so two versions would answer the tests."
        raise RefusedError(what, others, "the same command again after the deploy has ended")
    return Live(version, bool(deployed.url) and function_url.is_public(run.aws, deployed))


def _test(run: RunContext, facts: Facts) -> Results:
    """The results of pytest. Raises ConfigurationError when it could not run or collect the tests."""
    if not (run.settings.root / FOLDER).is_dir():
        return Results()
    folder = run.scratch / f"acceptance-{run.settings.environment.name}"
    folder.mkdir(exist_ok=True)
    facts.write(folder / _FACTS)
    result = run.shell.run(_command(run.settings.root, folder / _FACTS), lambda line: _show(run, line))
    file = folder / RESULTS
    results = Results(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else Results()
    # 1: tests failed, 5: no tests. https://docs.pytest.org/en/stable/reference/exit-codes.html
    if results.broken or result.code not in (0, 1, 5) or (result.code == 1 and not results.failed):
        why = "\n".join(f"{name}: {reason}" for name, reason in results.broken.items()) or _end(result)
        raise ConfigurationError(f"pytest cannot run {FOLDER}.", why, "correct it, then the same command again")
    return results


def _command(root: Path, facts: Path) -> Command:
    argv = (sys.executable, "-P", "-m", "pytest", *_OPTIONS, *_OUTPUT, "-p", _PLUGIN, "--deployed", str(facts), FOLDER)
    variables = {"PYTHONPATH": str(root / "src")}
    return Command(argv, cwd=root, variables=variables, without=_WITHOUT, credentials=True)


def _facts(live: Live) -> dict[str, object]:
    version = live.version
    deployed = Function(version.image, version.name, version.alias, version.url)
    return {
        "deployed": asdict(deployed),
        "version": version.version,
        "commit": version.commit,
        "digest": version.digest,
        "public": live.public,
    }


def _show(run: RunContext, line: str) -> None:
    if line.strip():
        run.progress.detail(line)


def _require_passed(results: Results, facts: Facts) -> None:
    """Raises ConfigurationError when no test passed: then nothing was tested."""
    if results.passed:
        return
    if results.skipped:
        what = f"Every acceptance test was skipped or is expected to fail: {results.skipped}."
    elif results.left_out:
        what = f"{FOLDER} has no test of {', '.join(facts.only)}."
    else:
        what = f"There is no acceptance test: {FOLDER} has no function whose name begins with test_."
    raise ConfigurationError(what, "Nothing was tested, so nothing is accepted.", f"add {FOLDER}/test_NAME.py: {_PAGE}")


def _failing(run: RunContext, results: Results) -> UnhealthyError:
    number, environment = len(results.failed), run.settings.environment
    lines = [f"{name}: {reason}" for name, reason in list(results.failed.items())[:_SHOWN]]
    lines += [f"and {number - _SHOWN} more"] * (number > _SHOWN)
    what = f"{number} acceptance test{'s' * (number > 1)} failed in {environment.name}; {results.passed} passed."
    hint = f"{environment.command('logs')}; correct the function or the test, then the same command again"
    return UnhealthyError(what, "\n".join(lines), hint)


def _rejected(run: RunContext, judged: tuple[Version, ...], failing: UnhealthyError) -> UnhealthyError:
    """Record that the images are not accepted any more, unless another version answered a part of the tests."""
    try:
        if not _moved(run, judged):
            acceptance.record(run, judged, accepted=False)
    except DeliveryError as error:
        failing.why += f"\nThis could not be recorded: {error.what}"
    return failing


def _moved(run: RunContext, judged: tuple[Version, ...]) -> list[str]:
    """The functions of which another version than the tested one has requests."""
    aliases = parallel.map(run.shell, functools.partial(function.read_alias, run.aws), judged)
    pairs = zip(judged, aliases, strict=True)
    return [version.image for version, alias in pairs if alias.version != version.version or alias.weights]


def _end(result: Result) -> str:
    """The error of pytest itself, without the name that it begins with; else its last lines."""
    errors = [line.removeprefix("ERROR: ") for line in result.stderr.splitlines() if line.startswith("ERROR: ")]
    return "\n".join(errors or (result.stderr or result.stdout).strip().splitlines()[-10:])


def _name(version: Version) -> str:
    return f"{version.image} version {version.version}"
