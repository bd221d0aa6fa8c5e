"""Lambda: the alias, and a version that is not ready yet."""

import pytest
from botocore.exceptions import WaiterError
from support.aws import FakeAws, refusal
from support.world import COMMIT, FUNCTION

from delivery.aws import function
from delivery.aws.function import Alias
from delivery.errors import CloudError, RefusedError, UnhealthyError
from delivery.release import alias


@pytest.fixture
def aws():
    fake = FakeAws()
    fake.functions.commits["2"] = COMMIT
    return fake


def test_functions_are_read_out_of_terraform_s_outputs_in_order():
    result = {"function_name": "fn", "version": "2", "alias": "live", "url": FUNCTION.url}
    document = {"functions": {name: {**result, "image_uri": FUNCTION.image_uri} for name in ("sse-streaming", "a")}}
    first, second = function.from_outputs(document)
    assert (first.image, second) == ("a", FUNCTION)


def test_the_alias_moves_only_from_the_revision_that_was_read(aws):
    recorded = function.read_alias(aws, FUNCTION)
    assert recorded == Alias("1", "revision-1")
    alias.move(aws, FUNCTION, recorded)
    assert aws.functions.live == "2"


def test_an_alias_that_was_moved_meanwhile_stays(aws):
    recorded = function.read_alias(aws, FUNCTION)
    aws.functions.moved_to("3")
    with pytest.raises(RefusedError) as caught:
        alias.move(aws, FUNCTION, recorded)
    assert aws.functions.live == "3"
    assert caught.value.exit_code == 4
    assert caught.value.what == "The alias live was moved by somebody else meanwhile."
    assert "version 1" in caught.value.why
    assert "invoke releases" in caught.value.hint


def test_a_move_whose_answer_was_lost_and_that_botocore_sent_again_is_our_own(aws):
    recorded = function.read_alias(aws, FUNCTION)
    aws.functions.moved_to("2")
    alias.move(aws, FUNCTION, recorded)
    assert aws.functions.live == "2"


def test_a_forbidden_move_is_reported_with_the_permission(aws):
    aws.functions.refuses["update_alias"] = refusal("AccessDeniedException", "not authorized: lambda:UpdateAlias")
    with pytest.raises(CloudError, match="lambda:UpdateAlias"):
        alias.move(aws, FUNCTION, Alias("1", "revision-1"))


def test_the_published_version_is_polled_once_a_second(aws):
    function.wait_active(aws, FUNCTION)
    assert aws.functions.waited == [{"version": "2", "Delay": 1, "MaxAttempts": 120}]


def test_a_version_that_never_becomes_active_is_reported(aws):
    aws.functions.refuses["wait"] = WaiterError("PublishedVersionActive", "State is Failed: ImageDeleted", {})
    with pytest.raises(CloudError, match="version 2 of fn to become active") as caught:
        function.wait_active(aws, FUNCTION)
    assert "ImageDeleted" in caught.value.why


def test_a_version_that_slept_for_weeks_is_called_once_to_wake_it_and_that_call_may_fail(aws):
    aws.functions.states["2"] = "Inactive"
    aws.functions.refuses["invoke_with_response_stream"] = refusal("ResourceNotReadyException")
    function.wait_active(aws, FUNCTION)
    assert len(aws.functions.called("invoke_with_response_stream")) == 1
    assert [wait["version"] for wait in aws.functions.waited] == ["2"]


def test_a_version_that_lambda_cannot_activate_is_unhealthy(aws):
    reason = 'Waiter encountered a terminal failure state: "Failed"'
    aws.functions.refuses["wait"] = WaiterError("PublishedVersionActive", reason, {})
    with pytest.raises(UnhealthyError, match="cannot make version 2 ready"):
        function.wait_active(aws, FUNCTION)
