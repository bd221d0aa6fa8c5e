"""A hold refuses what changes what serves, names who, why and until when, and never a rollback."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from support.aws import refusal
from support.world import world

from delivery import clock
from delivery.cli import report
from delivery.commands import deploy, promote, status
from delivery.errors import CloudError, ConfigurationError, RefusedError
from delivery.release import hold

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return world(tmp_path)


def held(made, until=""):
    return hold.place(made.run, *hold.parse("incident 42", until))


@pytest.mark.parametrize("reason", ["", "  ", "\n", "x" * 501, "a\x1b[2Jb"])
def test_a_hold_without_a_reason_is_refused(reason):
    with pytest.raises(ConfigurationError, match="needs a reason"):
        hold.parse(reason)


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("until", "end"),
    [
        ("", ""),
        ("4h", "2026-11-27T13:00:00Z"),
        ("2026-12-01", "2026-12-01T00:00:00Z"),
        ("2026-12-01T08:00", "2026-12-01T08:00:00Z"),
        ("2026-12-01T08:00+02:00", "2026-12-01T06:00:00Z"),
    ],
)
def test_the_end_is_a_time_from_now_or_a_moment(until, end):
    assert hold.parse("a reason", until)[1] == end


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("until", ["tomorrow", "4", "2026-13-01", "9e99h", "999999999999999h"])
def test_a_malformed_end_is_refused(until):
    with pytest.raises(ConfigurationError, match="Malformed --until"):
        hold.parse("a reason", until)


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("until", ["2026-11-27T09:00", "2020-01-01", "0s"])
def test_an_end_that_is_past_is_refused(until):
    with pytest.raises(ConfigurationError, match="is past"):
        hold.parse("a reason", until)


def test_whoever_deploys_reads_who_why_since_when_and_until_when(made):
    held(made, "4h")
    with pytest.raises(RefusedError, match="sandbox is held") as caught:
        hold.require_none(made.run)
    assert caught.value.why == "By alice, since 2026-11-27T09:00:00Z, until 2026-11-27T13:00:00Z: incident 42"
    assert "invoke unhold --env sandbox" in caught.value.hint


def test_an_environment_that_is_not_held_or_not_any_more_is_free(made, monkeypatch):
    hold.require_none(made.run)
    held(made, "4h")
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(hours=4))
    hold.require_none(made.run)
    held(made)  # again, after the end of the first
    with pytest.raises(RefusedError, match="without an end"):
        hold.require_none(made.run)


def test_a_lifted_hold_is_recorded_and_nothing_is_deleted(made):
    held(made)
    assert hold.lift(made.run)
    hold.require_none(made.run)
    assert json.loads(made.aws.s3.objects[hold.KEY])["who"] == "alice"
    assert not hold.lift(made.run)


def test_a_second_hold_does_not_replace_the_reason_of_the_first(made):
    held(made)
    with pytest.raises(RefusedError, match="is held"):
        hold.place(made.run, "another reason", "")
    assert "incident 42" in made.aws.s3.objects[hold.KEY]


def test_an_environment_without_a_bucket_cannot_be_held(made):
    made.aws.s3.buckets.clear()
    with pytest.raises(RefusedError, match="no state bucket"):
        held(made)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"reason": "r"}', '{"reason":"r","who":"","since":"","until":"x"}'])
def test_a_hold_that_cannot_be_read_refuses_until_it_is_lifted(made, text):
    made.aws.s3.objects[hold.KEY] = text
    if text:
        with pytest.raises(RefusedError, match="cannot be read"):
            hold.require_none(made.run)
        assert hold.lift(made.run)
    hold.require_none(made.run)


def test_a_refused_read_is_no_free_environment(made):
    made.aws.s3.refuses["get_object"] = refusal("AccessDenied", "not authorized to perform: s3:GetObject on resource")
    with pytest.raises(CloudError, match=r"service\.hold\.json"):
        hold.require_none(made.run)


def test_a_deploy_whose_environment_is_held_meanwhile_does_not_move_the_alias(made):
    planned = deploy.plan(made.run)
    made.aws.functions.responses["2"] = Holding(made, made.aws.functions.responses["2"])
    with pytest.raises(RefusedError, match="is held"):
        deploy.deliver(made.run, planned)
    assert made.aws.functions.live == "1"
    assert made.aws.functions.called("update_alias") == []


class Holding:
    """The answer of a version, during whose verification somebody holds the environment."""

    def __init__(self, made, answer):
        self.made, self.answer = made, answer

    def __iter__(self):
        held(self.made)
        return iter(self.answer)


def test_a_held_environment_gets_no_apply_and_no_deploy(made):
    planned = deploy.plan(made.run)
    held(made)
    for change in (deploy.apply, deploy.deliver):
        with pytest.raises(RefusedError, match="is held"):
            change(made.run, planned)
    assert made.aws.functions.called("update_function_code") == []


def test_a_held_environment_gets_no_promotion(made):
    held(made)
    with pytest.raises(RefusedError, match="is held"):
        promote._require_allowed(made.run, ())


def test_status_shows_the_hold_in_both_forms(made):
    held(made, "4h")
    made.aws.s3.objects.pop("service.tfstate")
    environments = status.read(["sandbox"], made.run.shell, lambda _: made.run)
    line = "sandbox is held by alice since 2026-11-27 09:00:00, until 2026-11-27 13:00:00 (UTC): incident 42"
    assert line in report.status_table(environments)
    (document,) = json.loads(report.status_json(environments))["environments"]
    assert document["hold"]["reason"] == "incident 42"
