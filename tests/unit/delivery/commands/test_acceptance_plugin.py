"""The plugin of pytest: what a test in tests/acceptance can use, which tests run, and how their results are written."""

import io
import itertools
import json
from dataclasses import asdict

import pytest
import urllib3
from support.aws import FakeAws, FakeLambda
from support.world import ENVIRONMENT, FUNCTION

from delivery.commands import acceptance_plugin
from delivery.commands.acceptance_plugin import Facts, LiveFunction, Results
from delivery.errors import ConfigurationError

OWN = {"deployed": asdict(FUNCTION), "version": "2", "commit": "c" * 40, "digest": "sha256:1", "public": False}
OTHER = {**OWN, "deployed": {**asdict(FUNCTION), "image": "orders", "url": ""}, "version": "5"}


class Aws(FakeAws):
    """Answers each request with its method, address and body."""

    def send(self, request, *, signed, silence):
        assert silence == 7
        self.opened.append((request.url, signed))
        body = f"{request.method} {request.body.decode()} {request.headers}".encode()
        return urllib3.HTTPResponse(io.BytesIO(body), status=200, headers={"X-A": "b"}, preload_content=False)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs pytest here with the plugin and one file; returns the exit code and the results."""
    monkeypatch.setattr(acceptance_plugin, "Aws", lambda environment, _: Aws(environment=environment))

    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    number = itertools.count()

    def pytest_with(text, only=("sse-streaming", "orders")):
        path = tmp_path / "deployed.json"
        names = ("sse-streaming", "orders")
        Facts(asdict(ENVIRONMENT), dict(zip(names, (OWN, OTHER), strict=True)), names, only, 7).write(path)
        file = tmp_path / f"test_{tmp_path.name}_{next(number)}.py"  # a name is imported once
        file.write_text(f"import pytest\n{text}")
        plugin = ("-p", acceptance_plugin.__name__, "--deployed", str(path), "-c", str(tmp_path / "none.ini"))
        (tmp_path / "none.ini").write_text("[pytest]\n")
        # Its end collects the garbage of all unit tests, five times.
        without = ("-p", "no:unraisableexception", "-p", "no:cacheprovider")
        code = pytest.main([*plugin, *without, "--strict-markers", "--import-mode=importlib", str(file)])
        return code, Results(**json.loads((tmp_path / acceptance_plugin.RESULTS).read_text()))

    return pytest_with


def test_a_test_sees_the_function_that_its_mark_names_and_every_other_one(run):
    code, results = run(
        """
@pytest.mark.function("orders")
def test_one(function, functions, environment):
    assert (function.version, functions["sse-streaming"].commit, environment) == ("5", "c" * 40, "sandbox")
    assert functions["sse-streaming"].get("/x").text.startswith("GET")
"""
    )
    assert (code, results) == (0, Results(passed=1, named=["orders"]))


def test_only_the_tests_of_the_judged_functions_run_and_those_that_name_none(run):
    text = """
def test_all(): pass
@pytest.mark.function("orders")
def test_orders(): pass
@pytest.mark.function("sse-streaming")
def test_stream(): raise AssertionError
"""
    code, results = run(text, only=("orders",))
    assert (code, results) == (0, Results(passed=2, left_out=1, named=["orders"]))
    code, results = run(text.replace("def test_all(): pass", ""), only=())
    assert (code, results) == (5, Results(left_out=2))


def test_a_failure_has_the_name_of_its_test_and_the_first_line_of_its_reason(run):
    code, results = run(
        """
@pytest.fixture
def broken(): raise ValueError("no set-up\\nmore")
def test_equal(): assert 1 == 2, "they differ"
def test_fixture(broken): pass
def test_unnamed(function): pass
"""
    )
    failed = {name.partition("::")[2]: reason for name, reason in results.failed.items()}
    assert code == 1
    assert failed == {
        "test_equal": "AssertionError: they differ",
        "test_fixture": "ValueError: no set-up",
        "test_unnamed": 'Failed: the test names no function; add: pytestmark = pytest.mark.function("NAME")',
    }


def test_a_skipped_test_and_an_expected_failure_are_no_passes(run):
    _, results = run(
        """
@pytest.mark.skip
def test_a(): pass
@pytest.mark.xfail
def test_b(): raise AssertionError
"""
    )
    assert (results.passed, results.skipped) == (0, 2)


def test_a_file_that_cannot_be_collected_is_named_with_the_reason(run):
    code, results = run("import no_such_module\ndef test_a(): pass")
    assert code == 2
    assert list(results.broken.values()) == ["ModuleNotFoundError: No module named 'no_such_module'"]


def test_a_mark_that_names_no_deployed_function_ends_the_run(run, capfd):
    code, _ = run("@pytest.mark.function('mailer')\ndef test_a(): pass")
    assert code == 4
    assert "names mailer, which is not deployed. Deployed are: sse-streaming, orders" in capfd.readouterr().err


def live(aws, **changes):
    return LiveFunction(aws, FUNCTION, "2", "c" * 40, "sha256:1", **{"public": False, "silence": 7, **changes})


@pytest.mark.parametrize("public", [True, False])
def test_a_request_is_signed_unless_everyone_may_call(public):
    aws = Aws()
    answer = live(aws, public=public).request("POST", "/orders?a=1", b"{}", {"Accept": "x"})
    assert aws.opened == [(f"{FUNCTION.url}orders?a=1", not public)]
    assert (answer.status, answer.headers["x-a"], answer.text) == (200, "b", "POST {} {'Accept': 'x'}")


def test_a_function_without_a_url_is_invoked_and_not_requested():
    function = FakeLambda()
    function.results["live"] = (b'{"sent": 1}', "")
    deployed = acceptance_plugin.Function("mailer", "fn", "live", "")
    mailer = LiveFunction(Aws(functions=function), deployed, "1", "", "", public=False, silence=7)
    assert mailer.invoke({"Records": []}) == {"sent": 1}
    function.results["live"] = (b"", "")
    assert mailer.invoke({}) is None
    with pytest.raises(ConfigurationError, match="mailer has no URL"):
        mailer.get("/")


def test_the_events_of_a_stream_come_one_by_one_and_json_is_read():
    def answered(body):
        raw = urllib3.HTTPResponse(io.BytesIO(body), status=200, preload_content=False)
        return acceptance_plugin.HttpAnswer(raw)

    answer = answered(b'event: hello\ndata: {"a": 1}\n\nevent: b\ndata: 2\n\n')
    assert [(event.name, event.data) for event in answer.events()] == [("hello", '{"a": 1}'), ("b", "2")]
    assert answered(b'{"a": 1}').json() == {"a": 1}
