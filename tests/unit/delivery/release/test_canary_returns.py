"""A canary that ends early, however it does: the old version has all requests, or somebody else had the last word."""

import pytest
from support.aws import chunk, prelude, refusal
from support.canary import HALF, TEN, alias, canary_world, failed, kinds, shifted, stop, weights

from delivery.errors import CloudError, RefusedError, UnhealthyError


@pytest.fixture
def made(tmp_path, monkeypatch):
    return canary_world(tmp_path, monkeypatch)


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_what_cloudwatch_counts_returns_the_alias_and_ends_with_7(made, metric):
    made.aws.functions.responses["2"].meanwhile[1] = lambda: made.aws.cloudwatch.counts.update({("2", metric): 3})
    error = failed(made, UnhealthyError)
    assert error.what == f"Version 2 of fn fails with 10% of the requests: 3 {metric}"
    assert error.why == "The alias live names version 1 alone."
    assert alias(made) == ("1", {})
    assert kinds(made) == [("return", "1", "2", "alice")]


def test_counts_of_the_old_version_are_not_the_new_one_s_fault(made):
    made.aws.cloudwatch.counts[("1", "Errors")] = 9
    shifted(made, TEN)
    assert alias(made) == ("2", {})


def test_a_stream_that_is_no_longer_healthy_returns_the_alias(made):
    fake = made.aws.functions.responses["2"]
    fake.meanwhile[2] = lambda: setattr(fake, "worse", [chunk(prelude(500)), {"InvokeComplete": {}}])
    error = failed(made, UnhealthyError)
    assert "it answered 500" in error.what
    assert error.why == "The alias live names version 1 alone."
    assert alias(made) == ("1", {})


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interrupt_or_an_error_returns_the_alias(made, error):
    made.aws.functions.responses["2"].meanwhile[1] = lambda: stop(error)
    failed(made, error, TEN, HALF)
    assert alias(made) == ("1", {})
    assert "The alias live names version 1 alone." in made.out.getvalue()


def test_an_interrupt_before_lambda_s_answer_is_read_returns_the_share_that_was_given(made):
    fake, answers = made.aws.functions, [KeyboardInterrupt]
    answer = fake._alias
    fake._alias = lambda: stop(answers.pop()) if fake.weights and answers else answer()
    failed(made, KeyboardInterrupt)
    assert weights(made) == [("1", {"2": 0.1}), ("1", {})]
    assert alias(made) == ("1", {})


def test_an_interrupt_after_the_last_step_and_before_the_last_move_returns_the_alias(made):
    moved, fake = made.aws.functions.update_alias, made.aws.functions
    fake.update_alias = lambda **given: stop(KeyboardInterrupt) if once(given, "2", stopped) else moved(**given)
    stopped = []
    failed(made, KeyboardInterrupt)
    assert alias(made) == ("1", {})


def once(given, version, stopped):
    """Whether this is the first move to that version alone."""
    return given["FunctionVersion"] == version and not stopped and not stopped.append(True)


def test_that_a_return_cannot_be_recorded_does_not_hide_why_it_was_made(made):
    def broken():
        made.aws.cloudwatch.counts[("2", "Errors")] = 1
        made.aws.ecr.refuses["put_image"] = refusal("ServerException")

    made.aws.functions.responses["2"].meanwhile[1] = broken
    assert "1 Errors" in failed(made, UnhealthyError).what
    assert alias(made) == ("1", {})


def test_a_move_of_another_person_stays(made):
    fake = made.aws.functions
    fake.responses["2"].meanwhile[1] = lambda: fake.moved_to("3")
    error = failed(made, RefusedError)
    assert error.what == "The alias live was moved by somebody else meanwhile."
    assert alias(made) == ("3", {})
    assert fake.responses["2"].requests == 1, "it is noticed at the next look, not at the end"


def test_the_canary_of_another_person_stays(made):
    fake = made.aws.functions
    fake.responses["2"].meanwhile[1] = lambda: fake.moved_to("1", **{"3": 0.2})
    failed(made, RefusedError)
    assert alias(made) == ("1", {"3": 0.2})


def test_an_alias_that_cannot_be_returned_is_reported_with_the_command_to_type(made):
    fake = made.aws.functions
    made.aws.cloudwatch.counts[("2", "Errors")] = 1
    fake.get_alias = lambda **_: stop(refusal("ServiceException"))
    error = failed(made, CloudError)
    assert "may still share its requests with version 2" in error.what
    assert error.hint.startswith("invoke rollback --env sandbox")
