"""The history of a function comes from what AWS itself records."""

import pytest
from support.build import DIGEST
from support.history import OTHER, three_versions, version
from support.world import COMMIT, FUNCTION, NAME

from delivery.errors import BuildError, RefusedError, UnhealthyError
from delivery.release import history


def read_all(made):
    (entries,) = history.read_all(made.run, (FUNCTION,)).values()
    return entries


def test_every_published_version_is_listed_newest_first_with_the_digest_that_lambda_has(tmp_path):
    entries = read_all(three_versions(tmp_path))
    assert [entry.digest for entry in entries] == [OTHER, DIGEST, DIGEST]
    assert [entry.version for entry in entries] == ["3", "2", "1"]
    assert [entry.commit for entry in entries] == [COMMIT, f"{COMMIT}-dirty", "a" * 40]
    assert [(entry.live, entry.weight, entry.verified) for entry in entries] == [
        (False, 0, False),
        (True, 1, True),
        (False, 0, True),
    ]


def test_versions_are_sorted_as_numbers(tmp_path):
    world = three_versions(tmp_path)
    world.aws.functions.versions = [version("9"), version("10") | {"LastModified": ""}]
    assert [entry.version for entry in history.read(world.run, FUNCTION).entries] == ["10", "9"]


def test_a_release_tag_on_another_image_does_not_verify_the_version(tmp_path):
    world = three_versions(tmp_path)
    world.aws.ecr.tags[NAME, "release-3"] = DIGEST
    assert [entry.verified for entry in read_all(world)] == [False, True, True]


def test_a_version_that_names_no_digest_is_listed_without_one(tmp_path):
    world = three_versions(tmp_path)
    world.aws.functions.images["3"] = "registry.test:5000/fn:latest"
    assert [entry.digest for entry in read_all(world)] == ["", DIGEST, DIGEST]


def test_only_a_verified_version_whose_image_exists_can_be_released_again(tmp_path):
    world = three_versions(tmp_path)
    three, two, _ = history.read(world.run, FUNCTION).entries
    assert history.require_verified(world.aws, FUNCTION, two).digest == DIGEST
    with pytest.raises(RefusedError, match=r"Version 3 of fn was never verified\."):
        history.require_verified(world.aws, FUNCTION, three)
    del world.aws.ecr.repositories[NAME][OTHER]
    with pytest.raises(BuildError, match="is gone from the registry"):
        history.require_verified(world.aws, FUNCTION, three)


def test_before_a_version_was_verified_none_is_live(tmp_path):
    made = three_versions(tmp_path)
    made.aws.functions.live = ""
    entries = history.read(made.run, FUNCTION).entries
    assert [entry.version for entry in entries] == ["3", "2", "1"]
    assert not any(entry.live or entry.weight for entry in entries)
    with pytest.raises(UnhealthyError, match="No version of fn is live"):
        history.verified_live(made.run, FUNCTION)
