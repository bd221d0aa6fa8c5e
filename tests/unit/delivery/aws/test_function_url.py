"""Access to a Function URL: the statements that a release sets, and their check by doctor."""

import contextlib

import pytest
from support.aws import FakeAws, FakeLambda, refusal
from support.world import FUNCTION

from delivery.aws import function_url
from delivery.errors import CloudError, RefusedError

PUBLIC = {
    "PublicUrl": {"Principal": "*", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
    "PublicUrlInvoke": {"Principal": "*", "Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
}


@pytest.fixture
def aws():
    return FakeAws()


def test_a_public_url_gets_both_statements_and_the_second_only_through_the_url(aws):
    assert function_url.apply_access(aws, FUNCTION) is True
    assert aws.functions.statements == PUBLIC


def test_a_second_call_changes_nothing(aws):
    for _ in range(2):
        assert function_url.apply_access(aws, FUNCTION) is True
    assert aws.functions.statements == PUBLIC


def test_a_missing_second_statement_is_added(aws):
    aws.functions.statements["PublicUrl"] = PUBLIC["PublicUrl"]
    function_url.apply_access(aws, FUNCTION)
    assert aws.functions.statements == PUBLIC


def test_a_signed_url_gets_no_statement():
    aws = FakeAws(functions=FakeLambda(auth="AWS_IAM"))
    assert function_url.apply_access(aws, FUNCTION) is False
    assert aws.functions.statements == {}


def test_a_url_that_became_signed_loses_the_statements_of_a_public_url():
    aws = FakeAws(functions=FakeLambda(auth="AWS_IAM"))
    other = {"Principal": "1", "Action": "lambda:InvokeFunction"}
    aws.functions.statements = {**PUBLIC, "FunctionURLAllowPublicAccess": PUBLIC["PublicUrl"], "Other": other}
    function_url.apply_access(aws, FUNCTION)
    assert aws.functions.statements == {"Other": other}


@pytest.mark.parametrize("name", ["add_permission", "get_function_url_config"])
def test_a_refused_change_of_access_is_reported(aws, name):
    aws.functions.refuses[name] = refusal("AccessDeniedException")
    with pytest.raises(CloudError, match="URL of fn"):
        function_url.apply_access(aws, FUNCTION)


def racing(aws, name, code, message):
    """Another run makes the same change first; Lambda answers ours so."""
    aws.functions.refuses[name] = refusal(code, message)
    return function_url.apply_access(aws, FUNCTION)


def test_a_statement_that_another_run_adds_first_is_no_failure(aws):
    message = "The statement id (PublicUrl) provided already exists. Please provide a new statement id"
    assert racing(aws, "add_permission", "ResourceConflictException", message) is True


def test_a_function_that_is_being_changed_by_another_run_is_reported(aws):
    with pytest.raises(CloudError, match="in progress"):
        racing(aws, "add_permission", "ResourceConflictException", "An update is in progress for resource")


@pytest.mark.parametrize(("code", "fails"), [("ResourceNotFoundException", False), ("ServiceException", True)])
def test_a_statement_that_another_run_removes_first_is_no_failure(code, fails):
    aws = FakeAws(functions=FakeLambda(auth="AWS_IAM"))
    aws.functions.statements = dict(PUBLIC)
    with pytest.raises(CloudError) if fails else contextlib.nullcontext():
        assert racing(aws, "remove_permission", code, "refused") is False


def test_doctor_accepts_the_access_that_a_release_sets(aws):
    function_url.apply_access(aws, FUNCTION)
    assert function_url.check_access(aws, FUNCTION) == "everyone (both statements)"


@pytest.mark.parametrize(
    ("before", "missing"),
    [
        ((), "lambda:InvokeFunctionUrl, lambda:InvokeFunction"),
        (("PublicUrl",), "lambda:InvokeFunction"),
        (("PublicUrlInvoke",), "lambda:InvokeFunctionUrl"),
    ],
)
def test_a_public_url_without_both_statements_is_reported_with_the_missing_ones(aws, before, missing):
    aws.functions.statements = {name: PUBLIC[name] for name in before}
    with pytest.raises(CloudError) as caught:
        function_url.check_access(aws, FUNCTION)
    assert caught.value.why == f"Not granted to `*`: {missing}"
    assert "invoke deploy" in caught.value.hint


def test_a_grant_to_everyone_without_a_condition_is_refused_beside_both_statements(aws):
    function_url.apply_access(aws, FUNCTION)
    aws.functions.statements["Open"] = {"Principal": "*", "Action": "lambda:InvokeFunction"}
    with pytest.raises(RefusedError, match="not only through a public URL") as caught:
        function_url.check_access(aws, FUNCTION)
    assert "lambda:InvokeFunction to `*`" in caught.value.why


def test_a_statement_for_everyone_is_refused_for_a_signed_url():
    aws = FakeAws(functions=FakeLambda(auth="AWS_IAM"))
    assert function_url.check_access(aws, FUNCTION) == "signed requests (AWS_IAM)"
    aws.functions.statements = dict(PUBLIC)
    with pytest.raises(RefusedError):
        function_url.check_access(aws, FUNCTION)


def test_a_grant_that_is_limited_to_an_organisation_is_accepted():
    aws = FakeAws(functions=FakeLambda(auth="AWS_IAM"))
    grant = {"Principal": "*", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "AWS_IAM"}
    aws.functions.statements = {"Ours": {**grant, "PrincipalOrgID": "o-1"}}
    assert function_url.check_access(aws, FUNCTION) == "signed requests (AWS_IAM)"
