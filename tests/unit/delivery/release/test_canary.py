"""Weighted shifting: a share first, and all requests only after it did well."""

import pytest
from support.aws import refusal
from support.canary import HALF, TEN, alias, canary_world, failed, kinds, shifted, weights
from support.world import FUNCTION, NAME

from delivery.aws.function import Alias
from delivery.errors import CloudError, ConfigurationError
from delivery.release import canary, live
from delivery.release.canary import AliasMove, Step


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
def test_steps_are_shares_and_how_long_they_hold(text, steps):
    assert canary.parse_steps(text) == steps


@pytest.mark.parametrize(
    "text", ["10", "10%", "10%/60", "10/60s", "0%/1s", "100%/1s", "120%/1s", "50%/1s,10%/1s", "10%/1s,10%/1s", ",", "x"]
)
def test_steps_that_make_no_sense_are_refused_with_an_example(text):
    with pytest.raises(ConfigurationError, match="Malformed steps") as caught:
        canary.parse_steps(text)
    assert caught.value.hint == "--canary 10%/5m,50%/10m"


def test_the_alias_goes_through_the_steps_and_then_to_the_new_version_alone(made):
    shifted(made, TEN, HALF)
    assert weights(made) == [("1", {"2": 0.1}), ("1", {"2": 0.5}), ("2", {})]
    assert alias(made) == ("2", {})
    assert ("live", "2", "1", "alice") in kinds(made)
    assert "✓ canary     10% for 12 s, 50% for 5 s" in made.out.getvalue()


def test_a_step_is_checked_every_few_seconds_and_shown(made):
    shifted(made, TEN)
    assert made.aws.functions.responses["2"].requests >= 2
    assert len(made.aws.cloudwatch.calls) == made.aws.functions.responses["2"].requests
    assert "10% of the requests go to sse-streaming version 2" in made.out.getvalue()


def test_a_step_of_no_time_is_checked_once(made):
    shifted(made, Step(0.1, 0))
    assert made.aws.functions.responses["2"].requests == 1


def test_the_release_tag_protects_the_image_before_it_serves_anybody(made):
    made.aws.ecr.refuses["put_image"] = refusal("ServerException")
    failed(made, CloudError)
    assert weights(made) == []


def test_there_is_nothing_to_shift_from_when_it_serves_already(made):
    made.aws.functions.live = "2"
    live.make_live(made.run, (AliasMove(FUNCTION, Alias("2", "revision-1")),), (TEN,))
    assert weights(made) == []
    assert "the verified version is live already" in made.out.getvalue()


def test_what_a_killed_canary_left_is_undone_before_anything_else(made):
    fake = made.aws.functions
    fake.moved_to("1", **{"2": 0.1})
    fake.images["2"] = FUNCTION.image_uri
    recorded = live.end_canary(made.run, FUNCTION, Alias("1", "revision-2", {"2": 0.1}))
    assert alias(made) == ("1", {})
    assert recorded == Alias("1", "revision-3")
    assert "version 2 had 10%; version 1 has all requests again" in made.out.getvalue()
    assert (NAME, "release-2") not in made.aws.ecr.tags
