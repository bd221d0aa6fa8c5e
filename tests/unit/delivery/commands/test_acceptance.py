"""`invoke acceptance`: pytest runs against what is live, and its result is recorded for exactly that image."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from support.aws import refusal
from support.build import DIGEST
from support.history import OTHER, three_versions
from support.world import FUNCTION, NAME

from delivery.aws.function import Function
from delivery.cli import report
from delivery.commands import acceptance, acceptance_plugin
from delivery.commands.acceptance_plugin import Results
from delivery.errors import ConfigurationError, RefusedError, UnhealthyError
from delivery.process.shell import Result
from delivery.terraform import state

PYTEST = f"{sys.executable} -P -m pytest"
PASSING = Results(passed=3, named=["sse-streaming"])
FAILING = Results(passed=2, failed={"tests/acceptance/test_a.py::test_b": "assert 1 == 2"}, named=["sse-streaming"])


class Trial:
    """A deployed function with the live version 2, and a pytest that ends with `results`."""

    def __init__(self, root):
        self.made = three_versions(root)
        (root / "tests" / "acceptance").mkdir(parents=True)
        self.facts, self.meanwhile = None, lambda: None

    def accept(self, results, code=0, stdout="", stderr=""):
        def ran(command):
            path = Path(command.argv[command.argv.index("--deployed") + 1])
            self.facts = json.loads(path.read_text())
            if results:
                path.with_name(acceptance_plugin.RESULTS).write_text(json.dumps(asdict(results)))
            self.meanwhile()
            return Result(code, stdout, stderr)

        self.made.shell.answers[PYTEST] = ran
        deployed = state.require_functions(self.made.run)
        return acceptance.accept(self.made.run, deployed, deployed)

    def refused(self, kind, results, code=0, **more):
        with pytest.raises(kind) as caught:
            self.accept(results, code, **more)
        return caught.value

    def records(self):
        """The first words of the records, oldest first."""
        tags = sorted(tag for _, tag in self.made.aws.ecr.tags if tag.startswith(("accepted-", "rejected-")))
        return [tag.partition("-")[0] for tag in sorted(tags, key=lambda tag: tag.partition("-")[2])]


@pytest.fixture
def tested(tmp_path):
    return Trial(tmp_path)


def test_what_passes_is_recorded_beside_the_live_image(tested):
    versions = tested.accept(PASSING, stdout="test_a PASSED\n")
    (at,) = (key for key in tested.made.aws.ecr.tags if key[1].startswith("accepted-"))
    assert tested.made.aws.ecr.tags[at] == DIGEST
    assert report.acceptance_lines(versions)[0].startswith(f"sse-streaming version 2: {DIGEST}, commit ")
    text = tested.made.out.getvalue()
    assert "    test_a PASSED" in text
    assert "✓ accept     3 passed" in text


def test_the_tests_get_what_is_live_as_a_file_and_the_credentials_as_variables(tested):
    tested.accept(PASSING)
    own = tested.facts["functions"]["sse-streaming"]
    assert (own["version"], own["digest"], own["deployed"]["url"]) == ("2", DIGEST, FUNCTION.url)
    assert tested.facts["environment"]["name"] == "sandbox"
    (command,) = tested.made.shell.typed(PYTEST)
    assert command.credentials
    assert {"PYTEST_ADDOPTS", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"} <= set(command.without)
    assert "secret" not in f"{command.argv}{tested.facts}"


def test_a_test_that_fails_is_named_and_nothing_is_accepted(tested):
    error = tested.refused(UnhealthyError, FAILING, code=1)
    assert (error.exit_code, error.what) == (7, "1 acceptance test failed in sandbox; 2 passed.")
    assert error.why == "tests/acceptance/test_a.py::test_b: assert 1 == 2"
    assert "invoke logs --env sandbox" in error.hint
    assert tested.records() == []


def test_many_failing_tests_are_counted(tested):
    failed = {f"test_{number}": "no" for number in range(25)}
    error = tested.refused(UnhealthyError, Results(failed=failed), code=1)
    assert error.what == "25 acceptance tests failed in sandbox; 0 passed."
    assert error.why.splitlines()[-1] == "and 5 more"


def test_an_image_that_was_accepted_is_rejected_when_a_test_fails_later_and_accepted_again(tested):
    tested.accept(PASSING)
    tested.refused(UnhealthyError, FAILING, code=1)
    tested.accept(PASSING)
    assert tested.records() == ["accepted", "rejected", "accepted"]


def test_a_rejection_that_cannot_be_recorded_does_not_hide_the_failing_test(tested):
    tested.accept(PASSING)
    tested.made.aws.ecr.refuses["put_image"] = refusal("ServerException")
    error = tested.refused(UnhealthyError, FAILING, code=1)
    assert "test_a.py::test_b" in error.why
    assert "This could not be recorded: Could not tag" in error.why


@pytest.mark.parametrize(
    ("results", "code", "what"),
    [
        (Results(), 5, "There is no acceptance test: tests/acceptance has no function"),
        (Results(left_out=4), 5, "tests/acceptance has no test of sse-streaming."),
        (Results(skipped=2), 0, "Every acceptance test was skipped or is expected to fail: 2."),
        (Results(), 0, "There is no acceptance test"),
    ],
)
def test_where_no_test_passed_nothing_is_accepted(tested, results, code, what):
    error = tested.refused(ConfigurationError, results, code)
    assert error.what.startswith(what)
    assert "add tests/acceptance/test_NAME.py" in error.hint
    assert tested.records() == []


def test_a_project_without_the_folder_has_no_test(tested):
    (tested.made.run.settings.root / "tests" / "acceptance").rmdir()
    assert "There is no acceptance test" in tested.refused(ConfigurationError, PASSING).what
    assert tested.made.shell.typed(PYTEST) == []


@pytest.mark.parametrize(
    ("results", "code", "stderr", "why"),
    [
        (Results(broken={"tests/acceptance/test_a.py": "ImportError: no x"}), 2, "", "test_a.py: ImportError: no x"),
        (
            Results(),
            4,
            "note\nERROR: t names orders, which is not deployed.\n",
            "t names orders, which is not deployed.",
        ),
        (None, 3, "INTERNALERROR> boom\n", "INTERNALERROR> boom"),
        (Results(passed=1), 1, "a plugin failed the session\n", "a plugin failed the session"),
    ],
)
def test_tests_that_pytest_cannot_run_are_no_verdict(tested, results, code, stderr, why):
    tested.accept(PASSING)
    error = tested.refused(ConfigurationError, results, code, stderr=stderr)
    assert error.what == "pytest cannot run tests/acceptance."
    assert why in error.why
    assert tested.records() == ["accepted"]


def test_a_function_that_no_test_names_is_accepted_with_a_warning(tested):
    tested.accept(Results(passed=1))
    assert "no test names sse-streaming" in tested.made.out.getvalue()
    assert tested.records() == ["accepted"]


def test_a_version_that_becomes_live_meanwhile_is_not_accepted(tested):
    tested.meanwhile = lambda: tested.made.aws.functions.moved_to("1")
    error = tested.refused(RefusedError, PASSING)
    assert error.what == "Another version became live while the tests ran: sse-streaming."
    assert tested.records() == []


def test_a_failure_beside_another_deploy_rejects_nothing(tested):
    tested.accept(PASSING)
    tested.meanwhile = lambda: tested.made.aws.functions.moved_to("2", **{"3": 0.1})
    tested.refused(UnhealthyError, FAILING, code=1)
    assert tested.records() == ["accepted"]


def test_during_a_canary_nothing_is_tested(tested):
    tested.made.aws.functions.weights = {"3": 0.1}
    error = tested.refused(RefusedError, PASSING)
    assert "canary of sse-streaming" in error.what
    assert error.why == "version 3 has 10%"
    assert tested.made.shell.typed(PYTEST) == []


def test_a_live_version_that_was_never_verified_is_not_tested(tested):
    del tested.made.aws.ecr.tags[NAME, "release-2"]
    tested.made.aws.ecr.repositories[NAME][OTHER] = "other"
    assert "never verified" in tested.refused(RefusedError, PASSING).what


def test_a_function_that_is_not_chosen_and_not_live_holds_up_nobody(tested):
    run = tested.made.run
    tested.accept(PASSING)
    tested.made.aws.functions.live = ""
    other = Function("sse-streaming", "fn", "live", "")
    assert acceptance.accept(run, (other,), ()) == ()
    assert (tested.facts["functions"], tested.facts["deployed"]) == ({}, ["sse-streaming"])
