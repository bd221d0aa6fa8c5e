"""The alias moves only if nobody else moved it since it was read."""

import pytest
from support.aws import FakeAws, refusal
from support.world import VERSION

from delivery.aws import function
from delivery.aws.function import Alias
from delivery.errors import CloudError, RefusedError
from delivery.release import alias


@pytest.fixture
def aws():
    return FakeAws()


def test_the_alias_moves_only_from_the_revision_that_was_read(aws):
    before = function.read_alias(aws, VERSION)
    assert before == Alias("1", "revision-1")
    alias.move(aws, VERSION, before)
    assert aws.functions.live == "2"


def test_an_alias_that_somebody_else_moved_stays(aws):
    before = function.read_alias(aws, VERSION)
    aws.functions.moved_to("3")
    with pytest.raises(RefusedError) as caught:
        alias.move(aws, VERSION, before)
    assert aws.functions.live == "3"
    assert caught.value.exit_code == 4
    assert caught.value.what == "The alias live of fn was moved by somebody else meanwhile."
    assert "version 1" in caught.value.why
    assert "invoke releases" in caught.value.hint


def test_a_move_that_botocore_sent_again_after_a_lost_answer_succeeds(aws):
    before = function.read_alias(aws, VERSION)
    aws.functions.moved_to("2")
    alias.move(aws, VERSION, before)
    assert aws.functions.live == "2"


def test_a_forbidden_move_is_reported_with_the_missing_permission(aws):
    aws.functions.refuses["update_alias"] = refusal("AccessDeniedException", "not authorized: lambda:UpdateAlias")
    with pytest.raises(CloudError, match="lambda:UpdateAlias"):
        alias.move(aws, VERSION, Alias("1", "revision-1"))
