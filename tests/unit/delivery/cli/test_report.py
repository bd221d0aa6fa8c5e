"""Tables, sentences and JSON show the facts of a result."""

import json

import pytest
from support.build import DIGEST
from support.history import OTHER, record, three_versions
from support.world import COMMIT, FUNCTION, NAME

from delivery.cli import report
from delivery.release import history
from delivery.release.live import Release


def entries(world):
    return history.read(world.aws, FUNCTION)


def states(world):
    return {entry.version: report.state(entry) for entry in entries(world)}


def test_the_history_shows_when_which_commit_who_and_the_state(tmp_path):
    lines = report.history_table(entries(three_versions(tmp_path)))
    assert [" ".join(line.split()) for line in lines] == [
        "version published (UTC) commit image made live (UTC) by state",
        f"3 2026-01-03 03:04:05 {COMMIT[:12]} {OTHER[:19]} - - not verified",
        f"2 2026-01-02 03:04:05 {COMMIT[:12]}-dirty {DIGEST[:19]} 2026-01-06 08:09:10 bob live",
        f"1 2026-01-01 03:04:05 {'a' * 12} {DIGEST[:19]} 2026-01-05 08:09:10 ann verified",
    ]


def test_the_columns_stand_below_their_headings_whatever_the_width_of_the_terminal(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    heading, *rows = report.history_table(entries(three_versions(tmp_path)))
    for word in ("published", "commit", "image", "made live", "by", "state"):
        at = heading.index(word)
        assert all(row[at] != " " and row[at - 1] == " " for row in rows), word


def test_a_function_without_versions_is_only_a_heading():
    assert len(report.history_table(())) == 1


def test_a_release_tag_on_another_image_is_no_verification(tmp_path):
    world = three_versions(tmp_path)
    world.aws.ecr.tags[NAME, "release-3"] = DIGEST
    assert states(world)["3"] == "not verified"


def test_a_rollback_shows_at_both_versions(tmp_path):
    world = three_versions(tmp_path)
    record(world, "rollback", 7, "v1-after-v2-by-bob")
    world.aws.functions.live = "1"
    assert states(world) == {"3": "not verified", "2": "rolled back to 1", "1": "live, rolled back from 2"}


def test_a_running_canary_shows_both_shares(tmp_path):
    world = three_versions(tmp_path)
    world.aws.functions.moved_to("2", **{"3": 0.1})
    assert states(world) == {"3": "canary (10%)", "2": "live (90%)", "1": "verified"}


def test_a_canary_that_was_given_up_shows_until_the_version_becomes_live(tmp_path):
    world = three_versions(tmp_path)
    record(world, "return", 7, "v2-after-v3-by-bob")
    assert states(world)["3"] == "canary given up"
    record(world, "live", 8, "v3-after-v2-by-bob")
    world.aws.functions.live = "3"
    assert states(world)["3"] == "live"


def test_the_history_as_json_has_every_fact_by_image(tmp_path):
    document = json.loads(report.history_json({"x": entries(three_versions(tmp_path))}))
    assert document["x"][1] == {
        "version": "2",
        "commit": f"{COMMIT}-dirty",
        "digest": DIGEST,
        "published": "2026-01-02T03:04:05.000+0000",
        "verified": True,
        "live": True,
        "weight": 1,
        "live_since": "2026-01-06T08:09:10.000000Z",
        "by": "bob",
        "canary_given_up": False,
        "rolled_back_from": "",
        "rolled_back_to": "",
    }


@pytest.mark.parametrize(
    ("public", "command"), [(True, "curl -N https://x/stream"), (False, "./dev invoke stream --env prod")]
)
def test_a_release_shows_the_command_that_opens_its_stream(public, command):
    release = Release("prod", "sse", "2", DIGEST, "https://x/stream", public, None)
    assert report.release_lines([release]) == ("sse version 2 streams:", f"  {command}")
