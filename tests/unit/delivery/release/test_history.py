"""The history of a function, from what AWS itself records."""

import json

import pytest
from support.aws import FakeEcr
from support.build import DIGEST, manifest
from support.world import COMMIT, FUNCTION, NAME, REPOSITORY, world

from delivery.errors import BuildError, RefusedError
from delivery.release import history

OTHER = "sha256:" + "e" * 64


def version(number, digest=DIGEST, commit=COMMIT):
    modified = f"2026-01-0{number if number != '$LATEST' else 9}T03:04:05.000+0000"
    variables = {"Variables": {"IMAGE_DIGEST": digest}}
    return {"Version": number, "Description": f"commit {commit}", "LastModified": modified, "Environment": variables}


def made(root):
    """Version 2 is live after 1; 3 was not verified."""
    world_ = world(root)
    lambda_ = world_.aws.functions
    lambda_.versions = [version("$LATEST"), version("1", commit="a" * 40), version("2", commit=f"{COMMIT}-dirty")]
    lambda_.versions.append(version("3", OTHER))
    lambda_.live = "2"
    lambda_.images = {"1": f"{REPOSITORY}@{DIGEST}", "2": f"{REPOSITORY}@{DIGEST}", "3": f"{REPOSITORY}@{OTHER}"}
    names = ("release-1", "release-2", tag("live", 5, "v1-by-ann"), tag("live", 6, "v2-after-v1-by-bob"))
    world_.aws.ecr = FakeEcr({NAME: {DIGEST: manifest(), OTHER: "other"}}, {(NAME, name): DIGEST for name in names})
    return world_


def tag(kind, day, rest):
    return f"{kind}-2026010{day}T080910.000000Z-{rest}"


def tagged(world_, kind, day, rest):
    world_.aws.ecr.tags[NAME, tag(kind, day, rest)] = DIGEST


def states(world_):
    return {entry.version: entry.state() for entry in history.read(world_.aws, FUNCTION)}


def test_every_published_version_is_listed_newest_first(tmp_path):
    found = history.read(made(tmp_path).aws, FUNCTION)
    assert [entry.version for entry in found] == ["3", "2", "1"]
    assert [entry.commit for entry in found] == [COMMIT, f"{COMMIT}-dirty", "a" * 40]
    assert [(entry.live, entry.weight, entry.verified) for entry in found] == [
        (False, 0, False),
        (True, 1, True),
        (False, 0, True),
    ]


def test_versions_are_ordered_as_numbers(tmp_path):
    world_ = made(tmp_path)
    world_.aws.functions.versions = [version("9"), version("10") | {"LastModified": ""}]
    assert [entry.version for entry in history.read(world_.aws, FUNCTION)] == ["10", "9"]


def test_the_table_says_when_what_who_and_whether_it_is_live_or_was_verified(tmp_path):
    lines = history.table(history.read(made(tmp_path).aws, FUNCTION))
    assert [" ".join(line.split()) for line in lines] == [
        "version published (UTC) commit image made live (UTC) by state",
        f"3 2026-01-03 03:04:05 {COMMIT[:12]} {OTHER[:19]} - - not verified",
        f"2 2026-01-02 03:04:05 {COMMIT[:12]}-dirty {DIGEST[:19]} 2026-01-06 08:09:10 bob live",
        f"1 2026-01-01 03:04:05 {'a' * 12} {DIGEST[:19]} 2026-01-05 08:09:10 ann verified",
    ]


def test_the_columns_stand_below_their_headings(tmp_path):
    heading, *rows = history.table(history.read(made(tmp_path).aws, FUNCTION))
    for word in ("published", "commit", "image", "made live", "by", "state"):
        at = heading.index(word)
        assert all(row[at] != " " and row[at - 1] == " " for row in rows), word


def test_a_function_without_versions_is_only_a_heading():
    assert len(history.table(())) == 1


def test_a_release_tag_on_another_image_than_the_version_s_verifies_nothing(tmp_path):
    world_ = made(tmp_path)
    world_.aws.ecr.tags[NAME, "release-3"] = DIGEST
    assert states(world_)["3"] == "not verified"


def test_what_was_rolled_back_and_what_it_was_rolled_back_to_are_told(tmp_path):
    world_ = made(tmp_path)
    tagged(world_, "rollback", 7, "v1-after-v2-by-bob")
    world_.aws.functions.live = "1"
    assert states(world_) == {"3": "not verified", "2": "rolled back to 1", "1": "live, rolled back from 2"}


def test_a_canary_under_way_shows_both_shares(tmp_path):
    world_ = made(tmp_path)
    world_.aws.functions.moved_to("2", **{"3": 0.1})
    assert states(world_) == {"3": "canary (10%)", "2": "live (90%)", "1": "verified"}


def test_a_canary_that_was_given_up_is_told_until_the_version_becomes_live(tmp_path):
    world_ = made(tmp_path)
    tagged(world_, "return", 7, "v2-after-v3-by-bob")
    assert states(world_)["3"] == "canary given up"
    tagged(world_, "live", 8, "v3-after-v2-by-bob")
    world_.aws.functions.live = "3"
    assert states(world_)["3"] == "live"


def test_as_json_it_has_every_fact_by_image(tmp_path):
    world_ = made(tmp_path)
    found = json.loads(history.document({"x": history.read(world_.aws, FUNCTION)}))
    assert found["x"][1] == {
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


def test_only_a_verified_version_whose_image_exists_can_be_built_upon(tmp_path):
    world_ = made(tmp_path)
    three, two, _ = history.read(world_.aws, FUNCTION)
    assert history.require_verified(world_.aws, FUNCTION, two).digest == DIGEST
    with pytest.raises(RefusedError, match=r"Version 3 of fn was never verified\."):
        history.require_verified(world_.aws, FUNCTION, three)
    del world_.aws.ecr.repositories[NAME][OTHER]
    with pytest.raises(BuildError, match="is gone from the registry"):
        history.require_verified(world_.aws, FUNCTION, three)
