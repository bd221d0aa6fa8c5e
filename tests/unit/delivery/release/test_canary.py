"""A canary: a share of the requests first, all of them after every check passed, none after a failure."""

from dataclasses import replace

import pytest
from support.aws import chunk, prelude, refusal
from support.build import config
from support.canary import HALF, TEN, alias, canary_world, failed, kinds, shifted, stop, weights
from support.world import COMMIT, FUNCTION, NAME, URI, VERSION

from delivery import clock
from delivery.aws.function import Alias
from delivery.cli import interrupts
from delivery.errors import CloudError, ConfigurationError, RefusedError, UnhealthyError
from delivery.progress import UNCHANGED
from delivery.release import canary, live
from delivery.release.canary import AliasMove, Step
from delivery.settings import Canary


def _ids(given):
    return [query["Id"] for query in given["MetricDataQueries"]]


@pytest.fixture
def made(tmp_path, monkeypatch):
    return canary_world(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", ()),
        ("10%/60s", (Step(0.1, 60),)),
        ("10%/60s,50%/2m", (Step(0.1, 60), Step(0.5, 120))),
        ("0.5%/1.5h, 33.3%/1s", (Step(0.005, 5400), Step(0.333, 1))),
    ],
)
def test_a_step_is_a_share_and_a_time(text, steps):
    assert canary.parse_steps(text) == steps


@pytest.mark.parametrize(
    "text", ["10", "10%", "10%/60", "10/60s", "0%/1s", "100%/1s", "120%/1s", "50%/1s,10%/1s", "10%/1s,10%/1s", ",", "x"]
)
def test_malformed_steps_are_refused_with_an_example(text):
    with pytest.raises(ConfigurationError, match="Malformed steps") as caught:
        canary.parse_steps(text)
    assert caught.value.hint == "--canary 10%/5m,50%/10m"


def test_the_alias_goes_through_the_steps_and_then_to_the_new_version_alone(made):
    shifted(made, TEN, HALF)
    assert weights(made) == [("1", {"2": 0.1}), ("1", {"2": 0.5}), ("2", {})]
    assert alias(made) == ("2", {})
    assert ("live", "2", "1", "alice") in kinds(made)
    assert "✓ canary     10% for 12 s, 50% for 5 s" in made.out.getvalue()


def test_the_version_is_checked_every_few_seconds_and_its_share_is_shown(made):
    shifted(made, TEN)
    assert made.aws.functions.responses["2"].requests >= 2
    looks = [given for given in made.aws.cloudwatch.called("get_metric_data") if _ids(given) == ["errors", "throttles"]]
    assert len(looks) == made.aws.functions.responses["2"].requests
    assert "10% of the requests go to sse-streaming version 2" in made.out.getvalue()


def test_the_version_is_checked_once_in_a_step_of_0_seconds(made):
    shifted(made, Step(0.1, 0))
    assert made.aws.functions.responses["2"].requests == 1


def test_the_alias_does_not_move_when_the_image_cannot_get_its_release_tag(made):
    made.aws.ecr.refuses["put_image"] = refusal("ServerException")
    failed(made, CloudError)
    assert weights(made) == []


def test_a_live_version_needs_no_canary(made):
    made.aws.functions.live = "2"
    live.make_live(made.run, (AliasMove(VERSION, Alias("2", "revision-1")),), (TEN,))
    assert weights(made) == []
    assert "the verified version is live already" in made.out.getvalue()


def test_a_canary_that_a_killed_run_left_is_ended(made):
    fake = made.aws.functions
    fake.moved_to("1", **{"2": 0.1})
    fake.images["2"], fake.commits["2"] = URI, COMMIT
    recorded = live.end_canary(made.run, FUNCTION, Alias("1", "revision-2", {"2": 0.1}))
    assert alias(made) == ("1", {})
    assert recorded == Alias("1", "revision-3")
    assert "version 2 had 10%; version 1 has all requests again" in made.out.getvalue()
    assert (NAME, "release-2") not in made.aws.ecr.tags


def test_an_interrupt_while_a_canary_is_ended_does_not_claim_that_nothing_changed(made):
    """The alias may have moved already: its answer was not read."""
    fake = made.aws.functions
    fake.moved_to("1", **{"2": 0.1})
    fake.images["2"], fake.commits["2"] = URI, COMMIT
    answer = fake.update_alias
    fake.update_alias = lambda **given: stop(KeyboardInterrupt) if answer(**given) else None
    with pytest.raises(KeyboardInterrupt):
        live.end_canary(made.run, FUNCTION, Alias("1", "revision-2", {"2": 0.1}))
    assert alias(made) == ("1", {})
    message = interrupts.message(made.run.progress.begun(), (), "invoke rollback")
    assert UNCHANGED not in message
    assert "`invoke releases --env sandbox`" in message


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_failures_that_cloudwatch_counts_return_the_alias(made, metric):
    made.aws.functions.responses["2"].meanwhile[1] = lambda: made.aws.cloudwatch.counts.update({("2", metric): 3})
    error = failed(made, UnhealthyError)
    assert error.exit_code == 7
    assert error.what == f"Version 2 of fn fails with 10% of the requests: 3 {metric}"
    assert error.why == "The alias live of fn names version 1 alone."
    assert alias(made) == ("1", {})
    assert kinds(made) == [("return", "1", "2", "alice")]


def test_failures_of_the_old_version_do_not_end_the_canary(made):
    made.aws.cloudwatch.counts[("1", "Errors")] = 9
    shifted(made, TEN)
    assert alias(made) == ("2", {})


def test_a_stream_that_becomes_unhealthy_returns_the_alias(made):
    fake = made.aws.functions.responses["2"]
    fake.meanwhile[2] = lambda: setattr(fake, "worse", [chunk(prelude(500)), {"InvokeComplete": {}}])
    error = failed(made, UnhealthyError)
    assert "it answered 500" in error.what
    assert error.why.splitlines()[-1] == "The alias live of fn names version 1 alone."
    assert alias(made) == ("1", {})


def test_a_canary_calls_the_new_version_by_the_contract_of_its_image(made):
    made.aws.configs[URI] = config({"invoke": {}, "expect": {"ok": True}})
    made.aws.functions.results["2"] = (b'{"ok": false}', "")
    error = failed(made, UnhealthyError)
    assert 'Expected: {"ok": true}\nCame: {"ok": false}' in error.why
    assert alias(made) == ("1", {})


def test_a_canary_of_a_version_that_must_not_be_called_watches_its_metrics_alone(made):
    made.aws.configs[URI] = config({"none": "it deletes"})
    shifted(made, TEN)
    assert alias(made) == ("2", {})
    assert made.aws.functions.responses["2"].requests == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interrupt_or_an_error_returns_the_alias(made, error):
    made.aws.functions.responses["2"].meanwhile[1] = lambda: stop(error)
    failed(made, error, TEN, HALF)
    assert alias(made) == ("1", {})
    assert "The alias live of fn names version 1 alone." in made.out.getvalue()


def test_an_interrupt_before_the_answer_of_lambda_is_read_returns_the_alias(made):
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


def test_the_failure_of_the_version_is_reported_when_the_return_cannot_be_recorded(made):
    def broken():
        made.aws.cloudwatch.counts[("2", "Errors")] = 1
        made.aws.ecr.refuses["put_image"] = refusal("ServerException")

    made.aws.functions.responses["2"].meanwhile[1] = broken
    assert "1 Errors" in failed(made, UnhealthyError).what
    assert alias(made) == ("1", {})


def test_an_alias_that_somebody_else_moved_stays(made):
    fake = made.aws.functions
    fake.responses["2"].meanwhile[1] = lambda: fake.moved_to("3")
    error = failed(made, RefusedError)
    assert error.what == "The alias live of fn was moved by somebody else meanwhile."
    assert alias(made) == ("3", {})
    assert fake.responses["2"].requests == 1, "the next check ends the canary, not the end of the step"


def test_a_canary_that_somebody_else_began_stays(made):
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


def judging(made, **canary_settings):
    """The world with these settings of a canary."""
    settings = replace(made.run.settings, canary=Canary(**canary_settings))
    return replace(made, run=replace(made.run, settings=settings))


@pytest.mark.parametrize(
    ("option", "configured", "steps"),
    [
        ("", "", ()),
        ("", "10%/12s", (TEN,)),
        ("50%/5s", "10%/12s", (HALF,)),
        ("none", "10%/12s", ()),
        ("", "none", ()),
    ],
)
def test_the_steps_stand_in_invoke_yaml_and_the_option_replaces_them(option, configured, steps):
    assert canary.steps(option, configured) == steps


SLOW, FAST = [900.0, 950.0, 990.0, 1000.0], [100.0, 110.0, 120.0, 130.0]


def test_a_version_that_is_slower_than_the_old_one_gets_no_requests_any_more(made):
    made.aws.cloudwatch.slowest = {"2": SLOW, "1": FAST}
    made.aws.logs.write("a slow query")
    error = failed(made, UnhealthyError)
    assert error.what == "Version 2 of fn is slower with 10% of the requests: p99 970 ms, version 1 115 ms"
    assert "1.5 times as long is tolerated" in error.why
    assert "| a slow query" in error.why
    assert alias(made) == ("1", {})


@pytest.mark.parametrize(("slower", "new"), [(1.5, FAST), (20, SLOW), (1.5, SLOW[:3])])
def test_an_equal_version_a_tolerated_one_and_one_without_enough_minutes_go_on(made, slower, new):
    made = judging(made, slower=slower)
    made.aws.cloudwatch.slowest = {"2": new, "1": FAST}
    shifted(made, TEN)
    assert alias(made) == ("2", {})


def test_the_result_says_what_was_compared(made):
    shifted(made, TEN)
    assert "no throttle; sse-streaming p99 not compared (0 of 4 minutes)" in made.out.getvalue()
    made.aws.functions.moved_to("1")
    made.aws.cloudwatch.slowest = {"2": FAST, "1": SLOW}
    live.make_live(made.run, (AliasMove(VERSION, Alias("1", f"revision-{made.aws.functions.revision}")),), (TEN,))
    assert "no throttle; sse-streaming p99 115 ms, version 1 970 ms" in made.out.getvalue()


def test_too_few_requests_end_the_canary_after_the_time_that_cloudwatch_may_be_late(made):
    made = judging(made, minimum_requests=20)
    made.aws.cloudwatch.counts["2", "Invocations"] = 3
    began = clock.monotonic()
    error = failed(made, UnhealthyError)
    assert clock.monotonic() - began >= TEN.seconds + 180
    assert error.what == "Version 2 of fn had 3 requests with 10% of the requests: too few to judge it."
    assert error.why.startswith("canary.minimum_requests is 20.")
    assert alias(made) == ("1", {})


def test_requests_that_cloudwatch_counts_late_are_waited_for(made):
    made = judging(made, minimum_requests=20)
    made.aws.functions.responses["2"].meanwhile[6] = lambda: made.aws.cloudwatch.counts.update(
        {("2", "Invocations"): 20}
    )
    shifted(made, TEN)
    assert alias(made) == ("2", {})


def test_a_named_alarm_ends_the_canary(made):
    made = judging(made, alarms=["orders-5xx", "checkout"])
    made.aws.cloudwatch.alarms = {"orders-5xx": "OK", "checkout": "INSUFFICIENT_DATA"}
    made.aws.functions.responses["2"].meanwhile[1] = lambda: made.aws.cloudwatch.alarms.update(checkout="ALARM")
    error = failed(made, UnhealthyError)
    assert error.what == "The alarm checkout is in ALARM while version 2 of fn has requests."
    assert alias(made) == ("1", {})


@pytest.mark.parametrize(
    ("states", "kind", "text"),
    [({}, ConfigurationError, "no alarm orders-5xx"), ({"orders-5xx": "ALARM"}, RefusedError, "before the canary")],
)
def test_an_alarm_that_does_not_exist_or_rings_already_is_refused_before_a_request_is_shifted(made, states, kind, text):
    made = judging(made, alarms=["orders-5xx"])
    made.aws.cloudwatch.alarms = states
    assert text in failed(made, kind).what
    assert weights(made) == []
