"""Acceptance records: tags of an image, of which the newest counts."""

import re

import pytest
from support.build import DIGEST
from support.history import OTHER, three_versions
from support.world import FUNCTION, NAME

from delivery.aws import function
from delivery.release import acceptance, history
from delivery.release.acceptance import Acceptance

TAG = re.compile("(accepted|rejected)-.*-by-alice")


def at(day, kind):
    return f"{kind}-2026010{day}T080910.000000Z-by-ann"


@pytest.fixture
def made(tmp_path):
    return three_versions(tmp_path)


def record(made, accepted):
    """Record the result for the live version; returns the records of its image."""
    live = function.read_version(made.aws, FUNCTION, "2")
    acceptance.record(made.run, [live], accepted=accepted)
    return sorted(tag for (_, tag), digest in made.aws.ecr.tags.items() if digest == DIGEST and TAG.fullmatch(tag))


def test_the_newest_record_counts_for_any_order_of_the_tags():
    tags = ["release-1", at(1, "accepted"), at(3, "accepted"), at(2, "rejected"), "c" * 40]
    assert acceptance.latest(tags) == Acceptance(True, "2026-01-03T08:09:10.000000Z", "ann")
    assert acceptance.latest([*tags, at(4, "rejected")]).accepted is False


@pytest.mark.parametrize("tag", ["accepted", "accepted-by-me", "xaccepted-20260101T080910.0Z-by-a", "live-2026-by-a"])
def test_other_tags_accept_nothing(tag):
    assert acceptance.latest([tag]) is None


def test_what_passed_is_recorded_once_with_time_and_person(made):
    (tag,) = record(made, accepted=True)
    assert re.fullmatch(r"accepted-\d{8}T\d{6}\.\d{6}Z-by-alice", tag)
    assert record(made, accepted=True) == [tag]


def test_a_failure_is_recorded_only_if_the_image_was_accepted_before(made):
    assert record(made, accepted=False) == []
    (first,) = record(made, accepted=True)
    both = record(made, accepted=False)
    assert [tag.partition("-")[0] for tag in both] == ["accepted", "rejected"]
    assert record(made, accepted=False) == both
    assert len(record(made, accepted=True)) == 3
    assert first in both


def test_a_record_is_a_tag_of_its_digest_alone(made):
    record(made, accepted=True)
    entries = {entry.version: entry for entry in history.read(made.run, FUNCTION).entries}
    assert entries["2"].acceptance.accepted
    assert entries["1"].acceptance == entries["2"].acceptance, "the same image"
    assert entries["3"].acceptance is None
    made.aws.ecr.tags[NAME, "release-3"] = OTHER
    assert history.read(made.run, FUNCTION).entries[0].acceptance is None
