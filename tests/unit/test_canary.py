"""Weighted shifting: a share first, all requests only after it did well, and back by itself when it did not."""

import pytest
from fake_lambda import chunk, healthy, prelude
from fakes import refusal
from stories import COMMIT, FUNCTION, NAME, Clock, world

from delivery import canary, events, release
from delivery.canary import Move, Step
from delivery.errors import CloudError, ConfigurationError, RefusedError, UnhealthyError
from delivery.function import Alias

TEN = Step(0.1, 12)
HALF = Step(0.5, 5)


class Healthy:
    """A version that streams, as often as it is asked, until it is told to stop."""

    def __init__(self):
        self.looks, self.worse, self.meanwhile = 0, None, {}

    def __iter__(self):
        self.looks += 1
        self.meanwhile.get(self.looks, lambda: None)()
        return iter(self.worse if self.worse else healthy(commit=COMMIT))


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Version 2 is verified and to become live instead of 1; it answers whenever it is looked at."""
    Clock(tick=0.3).install(monkeypatch)
    found = world(tmp_path)
    found.aws.functions.responses["2"] = Healthy()
    return found


def shifted(made, *steps):
    return release.release(made.bench, (Move(FUNCTION, Alias("1", "revision-1")),), steps)


def alias(made):
    return made.aws.functions.live, made.aws.functions.weights


def weights(made):
    updates = made.aws.functions.called("update_alias")
    return [(one["FunctionVersion"], one["RoutingConfig"]["AdditionalVersionWeights"]) for one in updates]


def failed(made, kind, *steps):
    """What ends the canary; the old version has all requests again, or what somebody else gave it."""
    with pytest.raises(kind) as caught:
        shifted(made, *(steps or (TEN,)))
    return caught.value


def kinds(made):
    found = [events.parse(tag) for _, tag in made.aws.ecr.tags]
    return sorted((event.kind, event.version, event.after, event.who) for event in found if event)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", ()),
        ("10%/60s", (Step(0.1, 60),)),
        ("10%/60s,50%/2m", (Step(0.1, 60), Step(0.5, 120))),
        ("0.5%/1.5h, 33.3%/1s", (Step(0.005, 5400), Step(0.333, 1))),
    ],
)
def test_steps_are_shares_and_how_long_they_hold(text, steps):
    assert canary.steps(text) == steps


@pytest.mark.parametrize(
    "text", ["10", "10%", "10%/60", "10/60s", "0%/1s", "100%/1s", "120%/1s", "50%/1s,10%/1s", "10%/1s,10%/1s", ",", "x"]
)
def test_steps_that_make_no_sense_are_refused_with_an_example(text):
    with pytest.raises(ConfigurationError, match="Malformed steps") as caught:
        canary.steps(text)
    assert caught.value.hint == "--canary 10%/5m,50%/10m"


def test_the_alias_goes_through_the_steps_and_then_to_the_new_version_alone(made):
    shifted(made, TEN, HALF)
    assert weights(made) == [("1", {"2": 0.1}), ("1", {"2": 0.5}), ("2", {})]
    assert alias(made) == ("2", {})
    assert kinds(made) == [("live", "2", "1", "alice")]
    assert "✓ canary     10% for 12 s, 50% for 5 s" in made.out.getvalue()


def test_while_it_holds_it_is_looked_at_every_few_seconds_and_that_is_shown(made):
    shifted(made, TEN)
    assert made.aws.functions.responses["2"].looks >= 2
    assert len(made.aws.cloudwatch.calls) == made.aws.functions.responses["2"].looks
    assert "10% of the requests go to sse-streaming version 2" in made.out.getvalue()


def test_a_hold_of_no_time_is_looked_at_once(made):
    shifted(made, Step(0.1, 0))
    assert made.aws.functions.responses["2"].looks == 1


def test_the_release_tag_protects_the_image_before_it_serves_anybody(made):
    made.aws.ecr.refuses["put_image"] = refusal("ServerException")
    failed(made, CloudError)
    assert weights(made) == []


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
def test_an_interrupt_and_whatever_else_ends_it_return_the_alias(made, error):
    made.aws.functions.responses["2"].meanwhile[1] = lambda: stop(error)
    failed(made, error, TEN, HALF)
    assert alias(made) == ("1", {})
    assert "The alias live names version 1 alone." in made.out.getvalue()


def stop(error):
    raise error


def test_an_interrupt_before_lambda_s_answer_is_read_returns_the_share_that_was_given(made):
    fake, answers = made.aws.functions, [KeyboardInterrupt]
    answer = fake._alias
    fake._alias = lambda: stop(answers.pop()) if fake.weights and answers else answer()
    failed(made, KeyboardInterrupt)
    assert weights(made) == [("1", {"2": 0.1}), ("1", {})]
    assert alias(made) == ("1", {})


def test_somebody_who_moves_the_alias_meanwhile_has_the_last_word(made):
    fake = made.aws.functions
    fake.responses["2"].meanwhile[1] = lambda: fake.moved_to("3")
    error = failed(made, RefusedError)
    assert error.what == "The alias live was moved by somebody else meanwhile."
    assert alias(made) == ("3", {})


def test_somebody_else_s_canary_is_left_to_them(made):
    fake = made.aws.functions
    fake.responses["2"].meanwhile[1] = lambda: fake.moved_to("1", **{"3": 0.2})
    failed(made, RefusedError)
    assert alias(made) == ("1", {"3": 0.2})


def test_an_alias_that_cannot_be_returned_is_told_with_what_to_type(made):
    fake = made.aws.functions
    made.aws.cloudwatch.counts[("2", "Errors")] = 1
    fake.get_alias = lambda **_: stop(refusal("ServiceException"))
    error = failed(made, CloudError)
    assert "may still share its requests with version 2" in error.what
    assert error.hint.startswith("invoke rollback --env ...")


def test_there_is_nothing_to_shift_from_when_it_serves_already(made):
    made.aws.functions.live = "2"
    release.release(made.bench, (Move(FUNCTION, Alias("2", "revision-1")),), (TEN,))
    assert weights(made) == []
    assert "nothing to shift from" in made.out.getvalue()


def test_what_a_killed_canary_left_is_undone_before_anything_else(made):
    fake = made.aws.functions
    fake.moved_to("1", **{"2": 0.1})
    fake.images["2"] = FUNCTION.image_uri
    seen = release.settled(made.bench, FUNCTION, Alias("1", "revision-2", {"2": 0.1}))
    assert alias(made) == ("1", {})
    assert seen == Alias("1", "revision-3")
    assert "version 2 still had 10% of the requests; all go to version 1 again" in made.out.getvalue()
    assert (NAME, "release-2") not in made.aws.ecr.tags
