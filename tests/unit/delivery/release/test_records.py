"""Release records: what one tag records, and what all records of a function show together."""

import re

import pytest

from delivery.release import records
from delivery.release.records import Record


def at(day, rest):
    return f"{rest.partition(' ')[0]}-202601{day:02}T080910.000000Z-{rest.partition(' ')[2]}-by-ann"


def timeline(*moves, live):
    """Moves such as `live v2-after-v1`, one a day."""
    return records.timeline((at(day, move) for day, move in enumerate(moves, 1)), live)


A, B, C = "live v1", "live v2-after-v1", "live v3-after-v2"
BACK = "rollback v1-after-v2"


def test_a_record_is_read_as_it_was_written():
    result = records.parse(records.tag_name(records.ROLLBACK, "4", "5", "alice"))
    assert (result.kind, result.version, result.after, result.who) == ("rollback", "4", "5", "alice")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", result.at)


@pytest.mark.parametrize("who", ["", "a@b.c/ü+=,", "x" * 300, "v1-after-v2-by-me", "a\nb"])
def test_a_record_with_any_name_is_a_tag_that_registries_accept(who):
    tag = records.tag_name(records.LIVE, "123456", "123455", who)
    assert re.fullmatch(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", tag), "OCI distribution spec, Pulling manifests"
    assert (records.parse(tag).version, records.parse(tag).after) == ("123456", "123455")


@pytest.mark.parametrize("tag", ["latest", "c" * 40, "release-5", "buildcache", "live", "live-2026-v1-by-ann"])
def test_other_tags_are_no_records(tag):
    assert records.parse(tag) is None


def test_the_timeline_is_in_order_for_any_order_of_the_tags():
    result = records.timeline([at(2, B), at(1, A)], "2")
    assert [(record.version, record.after, record.who) for record in result] == [("1", "", "ann"), ("2", "1", "ann")]


def test_a_move_without_a_record_is_added_from_the_alias_or_from_the_next_record():
    assert timeline(A, live="2")[-1] == Record("live", "", "2", "1")
    assert timeline(A, B, live="1")[-1] == Record("rollback", "", "1", "2")
    assert [record.version for record in timeline(A, C, live="3")] == ["1", "2", "3"]


def test_without_records_the_timeline_has_only_the_live_version():
    assert timeline(live="7") == (Record("live", "", "7"),)


@pytest.mark.parametrize(
    ("moves", "live", "versions"),
    [
        ((A, B), "2", "1 2"),
        ((A, B, BACK), "1", "1"),
        ((A, B, BACK, "live v3-after-v1"), "3", "1 3"),
        ((A, B, BACK, "live v2-after-v1"), "2", "1 2"),
        ((A, B, C, "rollback v1-after-v3"), "1", "1"),
        ((A, B, C, "rollback v2-after-v3"), "2", "1 2"),
        ((A, B, "return v2-after-v3"), "2", "1 2"),
        ((A, B), "1", "1"),
        (("live v9", "live v10-after-v9"), "10", "9 10"),
    ],
)
def test_a_version_that_served_counts_until_a_rollback_replaces_it(moves, live, versions):
    assert records.not_rolled_back(timeline(*moves, live=live)) == tuple(versions.split())


@pytest.mark.parametrize(
    ("moves", "live", "undone"),
    [
        ((A, B), "2", {}),
        ((A, B, BACK), "1", {"2": "1"}),
        ((A, B, C, "rollback v1-after-v3"), "1", {"2": "1", "3": "1"}),
        ((A, B, C, "rollback v2-after-v3", "rollback v1-after-v2"), "1", {"2": "1", "3": "2"}),
        ((A, B, BACK, "live v2-after-v1"), "2", {}),
    ],
)
def test_a_version_that_was_rolled_back_from_is_listed_with_the_version_that_replaced_it(moves, live, undone):
    assert records.undone(timeline(*moves, live=live)) == undone


def test_the_end_of_a_canary_is_recorded_and_is_no_move():
    assert records.latest([at(1, A), at(2, "return v1-after-v2")]) == "1"
    assert records.latest([]) == ""
    assert records.returned([at(1, A), at(2, "return v1-after-v2")]) == {"2": "2026-01-02T08:09:10.000000Z"}
