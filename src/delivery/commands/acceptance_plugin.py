"""A plugin of pytest, with what the files in tests/acceptance use. `invoke acceptance` starts pytest with it.

    pytestmark = pytest.mark.function("orders-api")     # the function that the tests of this file judge

    def test_an_order_is_there(function):
        answer = function.request("POST", "/orders", body=b"{}")
        assert answer.status == 201

Fixtures: `function`, the one that the mark names; `functions`, all that are deployed, by name; `environment`, its name.
docs/functions.md describes them. `--deployed` names the file with the facts, which have no secrets; the credentials
come from the environment. The results are written beside it, since the output of pytest is made for people.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import urllib3

from delivery.aws import function as lambda_function
from delivery.aws import sse
from delivery.aws.function import Function
from delivery.aws.session import Aws, HttpRequest
from delivery.errors import ConfigurationError
from delivery.settings import Environment

MARK = "function"
RESULTS = "acceptance-results.json"
_NAMED = f'pytestmark = pytest.mark.{MARK}("NAME")'
_REASON = 300  # characters of a failure that a person reads in the list; pytest has printed the whole


@dataclass(frozen=True)
class Facts:
    """What is live, as JSON. `functions`: the facts of each `LiveFunction` by name.

    `deployed`: the names of all functions, also of one that has no version to expect. `only`: those that are judged.
    `silence`: seconds without a byte until a connection counts as dead.
    """

    environment: Mapping[str, Any]
    functions: Mapping[str, Mapping[str, Any]]
    deployed: tuple[str, ...]
    only: tuple[str, ...]
    silence: float

    def write(self, path: Path) -> None:
        """Write them for the child."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


@dataclass
class Results:
    """What pytest found. `failed` and `broken`: test, or file that cannot be collected, to the reason.

    `named`: the functions that a test names. `left_out`: the number of tests of functions that `--only` leaves out.
    """

    passed: int = 0
    skipped: int = 0
    left_out: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    named: list[str] = field(default_factory=list)


class HttpAnswer:
    """An answer of HTTP; its body comes as the function sends it. Header names may be in any case."""

    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer
        self.status = answer.status
        self.headers = answer.headers

    def chunks(self) -> Iterator[bytes]:
        """The body in the pieces that arrive."""
        return self._answer.stream()

    def events(self) -> Iterator[sse.Event]:
        """The Server-Sent Events, each as soon as it is complete."""
        parser = sse.Parser(prelude=sse.Prelude(self.status, {}))
        for chunk in self.chunks():
            yield from (item for item in parser.feed(chunk) if isinstance(item, sse.Event))

    @cached_property
    def text(self) -> str:
        """The whole body."""
        return b"".join(self.chunks()).decode(errors="replace")

    def json(self) -> Any:
        """The whole body, read as JSON."""
        return json.loads(self.text)


@dataclass(frozen=True)
class LiveFunction:
    """A deployed function, the version that is expected to serve, and how to call it.

    `url`: empty without a Function URL. `public`: whether that takes requests without a signature.
    """

    aws: Aws = field(repr=False)
    deployed: Function = field(repr=False)
    version: str
    commit: str
    digest: str
    public: bool
    silence: float = field(repr=False)

    @property
    def url(self) -> str:
        """Its Function URL, empty without one."""
        return self.deployed.url

    def get(self, target: str = "/", headers: Mapping[str, str] | None = None) -> HttpAnswer:
        """The answer to GET; `target`: a path, with or without a query."""
        return self.request("GET", target, headers=headers)

    def request(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """The answer of its URL, with a signature (SigV4) if the URL wants one (AWS_IAM).

        Raises ConfigurationError without a URL, CloudError when it cannot be reached.
        """
        if not self.url:
            raise ConfigurationError(f"{self.deployed.image} has no URL.", "", "function.invoke(event)")
        request = HttpRequest(method, self.deployed.address(target), headers or {}, body)
        with self.aws.explained(f"call the URL of {self.deployed.name}"):
            return HttpAnswer(self.aws.send(request, signed=not self.public, silence=self.silence))

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """The result of an event, read as JSON; None for an empty one. Calls the alias, as a trigger does.

        Raises UnhealthyError when the function fails, CloudError when Lambda does not answer.
        """
        called = lambda_function.invoke(self.aws, self.deployed, self.deployed.alias, event, self.silence)
        payload = b"".join(called)
        return json.loads(payload) if payload else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--deployed`: the file of the facts."""
    parser.addoption("--deployed", type=Path, required=True, help="what is live, as `invoke acceptance` has read it")


def pytest_configure(config: pytest.Config) -> None:
    """Read the facts, and collect the results."""
    config.addinivalue_line("markers", f"{MARK}(name): the function that a test judges")
    path = config.getoption("--deployed")
    config.pluginmanager.register(_Recorder(Facts(**json.loads(path.read_text(encoding="utf-8"))), path), "acceptance")


@pytest.fixture(scope="session")
def functions(pytestconfig: pytest.Config) -> Mapping[str, LiveFunction]:
    """Every deployed function, by the name of its image."""
    facts = _recorder(pytestconfig).facts
    aws = Aws(Environment(**facts.environment), dict(os.environ))
    return {name: _live(aws, facts, name) for name in facts.functions}


@pytest.fixture
def function(request: pytest.FixtureRequest, functions: Mapping[str, LiveFunction]) -> LiveFunction:
    """The function that the mark of the test names."""
    if not (names := _names(request.node)):
        pytest.fail(f"the test names no function; add: {_NAMED}", pytrace=False)
    return functions[names[0]]


@pytest.fixture(scope="session")
def environment(pytestconfig: pytest.Config) -> str:
    """The name of the environment."""
    return str(_recorder(pytestconfig).facts.environment["name"])


class _Recorder:
    """Chooses the tests of the judged functions, and writes the results."""

    def __init__(self, facts: Facts, path: Path) -> None:
        self.facts, self._path, self._results = facts, path.parent / RESULTS, Results()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out the tests of other functions. A mark that names no deployed function ends the run."""
        named = {item: _names(item) for item in items}
        for item, names in named.items():
            if unknown := [name for name in names if name not in self.facts.deployed]:
                known = ", ".join(self.facts.deployed)
                raise pytest.UsageError(
                    f"{item.nodeid} names {unknown[0]}, which is not deployed. Deployed are: {known}"
                )
        judged = [item for item in items if not named[item] or set(named[item]) & set(self.facts.only)]
        self._results.left_out = len(items) - len(judged)
        self._results.named = sorted({name for item in judged for name in named[item]})
        config.hook.pytest_deselected(items=[item for item in items if item not in judged])
        items[:] = judged

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that cannot be collected."""
        if report.failed:
            self._results.broken[report.nodeid] = _reason(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the result of a test; a failing set-up or clean-up fails it. An expected failure is no pass."""
        if report.failed:
            self._results.failed[report.nodeid] = _reason(report)
        elif report.skipped:
            self._results.skipped += 1
        elif report.when == "call":
            self._results.passed += 1

    def pytest_sessionfinish(self) -> None:
        """Write the results."""
        self._path.write_text(json.dumps(asdict(self._results)), encoding="utf-8")


def _recorder(config: pytest.Config) -> _Recorder:
    recorder = config.pluginmanager.get_plugin("acceptance")
    assert isinstance(recorder, _Recorder)
    return recorder


def _live(aws: Aws, facts: Facts, name: str) -> LiveFunction:
    own = dict(facts.functions[name])
    return LiveFunction(aws, Function(**own.pop("deployed")), **own, silence=facts.silence)


def _names(item: pytest.Item) -> tuple[str, ...]:
    """The functions that the marks of a test name, the nearest mark first."""
    return tuple(str(name) for mark in item.iter_markers(MARK) for name in mark.args)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The first line of an error, which the traceback ends with."""
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = (crash.message if crash else report.longreprtext).strip().splitlines()
    errors = [line.removeprefix("E ").strip() for line in lines if line.startswith("E ")] or lines
    return (errors[0] if errors else "")[:_REASON]
