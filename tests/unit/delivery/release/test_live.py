"""A release leaves exactly one release record, also after a run that was cut off."""

import pytest
from support.aws import refusal
from support.build import DIGEST, manifest
from support.canary import kinds
from support.world import NAME, VERSION, world

from delivery.aws.function import Alias
from delivery.errors import CloudError, RefusedError
from delivery.release import live
from delivery.release.canary import AliasMove

FIRST = ("live", "1", "", "ann")


@pytest.fixture
def made(tmp_path):
    result = world(tmp_path)
    result.aws.ecr.repositories[NAME][DIGEST] = manifest()
    result.aws.ecr.tags[NAME, "live-20260101T000000.000000Z-v1-by-ann"] = DIGEST
    return result


def released(made, serving="1"):
    made.aws.functions.live = serving
    return live.make_live(made.run, (AliasMove(VERSION, Alias(serving, "revision-1")),))


def test_a_release_is_recorded_on_its_image(made):
    released(made)
    assert kinds(made) == [FIRST, ("live", "2", "1", "alice")]
    assert set(made.aws.ecr.tags.values()) == {DIGEST}


def test_the_first_release_replaces_no_version(made):
    made.aws.ecr.tags.clear()
    released(made, serving="2")
    assert kinds(made) == [("live", "2", "", "alice")]
    assert made.aws.functions.called("update_alias") == []


def test_a_second_deploy_of_the_live_version_adds_no_record(made):
    released(made)
    before = kinds(made)
    released(made, serving="2")
    assert kinds(made) == before


def test_the_next_run_records_a_move_that_was_cut_off_before_its_record(made):
    released(made, serving="2")
    assert kinds(made) == [FIRST, ("live", "2", "1", "alice")]


@pytest.mark.parametrize(("before", "kind"), [("1", "live"), ("7", "rollback")])
def test_a_missing_record_is_written_before_the_alias_moves_again(made, before, kind):
    """Otherwise two interrupted runs in a row would lose the first move."""
    made.aws.ecr.tags = {(NAME, f"live-20260101T000000.000000Z-v{before}-by-ann"): DIGEST}
    made.aws.functions.refuses["update_alias"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        released(made, serving="5")
    assert kinds(made) == sorted([("live", before, "", "ann"), (kind, "5", before, "unknown")])


def test_no_missing_record_is_written_when_somebody_else_moved_the_alias(made):
    made.aws.functions.revision = 2
    with pytest.raises(RefusedError, match="moved by somebody else"):
        released(made, serving="5")
    assert kinds(made) == [FIRST]


def test_a_refused_move_leaves_no_record(made):
    made.aws.functions.refuses["update_alias"] = refusal("ServiceException")
    with pytest.raises(CloudError):
        released(made)
    assert kinds(made) == [FIRST]
