"""Lambda: the alias, and who may open the URL."""

import pytest
from botocore.exceptions import WaiterError
from fake_lambda import FakeAws, FakeLambda
from fakes import refusal
from stories import FUNCTION

from delivery import function
from delivery.errors import CloudError, RefusedError
from delivery.function import Alias

PUBLIC = {
    "PublicUrl": {"Principal": "*", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
    "PublicUrlInvoke": {"Principal": "*", "Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
}


@pytest.fixture
def aws():
    return FakeAws()


def test_functions_are_read_out_of_terraform_s_outputs_in_order():
    found = {"function_name": "fn", "version": "2", "alias": "live", "url": FUNCTION.url}
    document = {"functions": {name: {**found, "image_uri": FUNCTION.image_uri} for name in ("sse-streaming", "a")}}
    first, second = function.deployed(document)
    assert (first.image, second) == ("a", FUNCTION)


def test_the_alias_moves_from_what_was_seen(aws):
    seen = function.alias(aws, FUNCTION)
    assert seen == Alias("1", "revision-1")
    function.move(aws, FUNCTION, seen)
    assert aws.functions.live == "2"


def test_an_alias_that_somebody_else_moved_meanwhile_stays_where_they_put_it(aws):
    seen = function.alias(aws, FUNCTION)
    aws.functions.moved_to("3")
    with pytest.raises(RefusedError) as caught:
        function.move(aws, FUNCTION, seen)
    assert aws.functions.live == "3"
    assert caught.value.exit_code == 4
    assert caught.value.what == "The alias live was moved by somebody else meanwhile."
    assert "version 1" in caught.value.why
    assert "invoke releases" in caught.value.hint


def test_a_forbidden_move_is_told_with_the_permission(aws):
    aws.functions.refuses["update_alias"] = refusal("AccessDeniedException", "not authorized: lambda:UpdateAlias")
    with pytest.raises(CloudError, match="lambda:UpdateAlias"):
        function.move(aws, FUNCTION, Alias("1", "revision-1"))


def test_a_public_url_gets_both_statements_and_the_second_only_through_the_url(aws):
    assert function.settle_url(aws, FUNCTION) is True
    assert aws.functions.statements == PUBLIC


def test_opening_a_url_again_changes_nothing(aws):
    for _ in range(2):
        assert function.settle_url(aws, FUNCTION) is True
    assert aws.functions.statements == PUBLIC


def test_a_half_open_url_is_opened_whole(aws):
    aws.functions.statements["PublicUrl"] = PUBLIC["PublicUrl"]
    function.settle_url(aws, FUNCTION)
    assert aws.functions.statements == PUBLIC


def test_a_signed_url_is_opened_to_nobody():
    aws = FakeAws(functions=FakeLambda(auth="AWS_IAM"))
    assert function.settle_url(aws, FUNCTION) is False
    assert aws.functions.statements == {}


def test_a_url_that_is_signed_now_loses_what_made_it_public():
    aws = FakeAws(functions=FakeLambda(auth="AWS_IAM"))
    ours = {"Principal": "1", "Action": "lambda:InvokeFunction"}
    aws.functions.statements = {**PUBLIC, "FunctionURLAllowPublicAccess": {}, "Somebodys": ours}
    function.settle_url(aws, FUNCTION)
    assert aws.functions.statements == {"Somebodys": ours}


@pytest.mark.parametrize("name", ["add_permission", "get_function_url_config"])
def test_a_url_that_may_not_be_opened_is_told(aws, name):
    aws.functions.refuses[name] = refusal("AccessDeniedException")
    with pytest.raises(CloudError, match="URL of fn"):
        function.settle_url(aws, FUNCTION)


def test_the_published_version_is_waited_for_one_second_a_look(aws):
    function.wait_active(aws, FUNCTION)
    assert aws.functions.waited == [{"version": "2", "Delay": 1, "MaxAttempts": 120}]


def test_a_version_that_never_becomes_active_is_told(aws):
    aws.functions.refuses["wait"] = WaiterError("PublishedVersionActive", "State is Failed: ImageDeleted", {})
    with pytest.raises(CloudError, match="version 2 of fn to become active") as caught:
        function.wait_active(aws, FUNCTION)
    assert "ImageDeleted" in caught.value.why
