"""Lambda: functions from the outputs of Terraform, and a version that is not ready yet."""

from dataclasses import replace

import pytest
from botocore.exceptions import WaiterError
from support.aws import FakeAws, refusal
from support.build import DIGEST
from support.world import COMMIT, FUNCTION, URI, VERSION

from delivery.aws import function
from delivery.aws.function import Function
from delivery.errors import CloudError, RefusedError, UnhealthyError

PENDING = replace(VERSION, active=False)
WAKE = {"path": "/health"}


@pytest.fixture
def aws():
    fake = FakeAws()
    fake.functions.commits["2"] = COMMIT
    return fake


def test_functions_come_from_the_outputs_of_terraform_in_order():
    result = {"function_name": "fn", "alias": "live", "url": FUNCTION.url}
    document = {"functions": dict.fromkeys(("sse-streaming", "a"), result)}
    first, second = function.from_outputs(document)
    assert (first.image, second) == ("a", FUNCTION)


def test_a_function_has_addresses_below_its_url():
    assert FUNCTION.address("/health") == "https://abc.lambda-url.us-east-1.on.aws/health"
    assert Function("", "", "", "https://x").address("/a?b=c") == "https://x/a?b=c"


def test_a_function_without_a_url_has_an_empty_one():
    result = {"function_name": "fn", "alias": "live", "url": None}
    assert [each.url for each in function.from_outputs({"functions": {"worker": result}})] == [""]


def test_a_version_has_the_image_that_lambda_names_and_the_commit_of_its_description(aws):
    aws.functions.images["2"] = URI
    version = function.read_version(aws, FUNCTION, "2")
    assert (version, version.digest) == (VERSION, DIGEST)


def test_a_version_that_names_no_digest_is_refused(aws):
    aws.functions.images["2"] = f"{URI.partition('@')[0]}:latest"
    with pytest.raises(RefusedError, match="Version 2 of fn names no digest"):
        function.read_version(aws, FUNCTION, "2")


def test_the_newest_version_is_the_one_with_the_highest_number(aws):
    aws.functions.versions = [{"Version": number} for number in ("$LATEST", "9", "10")]
    aws.functions.images["10"], aws.functions.commits["10"] = URI, COMMIT
    assert function.newest_version(aws, FUNCTION).version == "10"
    aws.functions.versions = [{"Version": "$LATEST"}]
    with pytest.raises(UnhealthyError, match="fn has no version"):
        function.newest_version(aws, FUNCTION)


def test_a_version_that_is_active_is_not_waited_for(aws):
    function.wait_active(aws, VERSION, WAKE)
    assert (aws.functions.waited, aws.functions.calls) == ([], [])


def test_the_published_version_is_polled_once_a_second(aws):
    function.wait_active(aws, PENDING, WAKE)
    assert aws.functions.waited == [{"version": "2", "Delay": 1, "MaxAttempts": 120}]


def test_a_version_that_never_becomes_active_is_reported(aws):
    aws.functions.refuses["published_version_active"] = WaiterError(
        "PublishedVersionActive", "State is Failed: ImageDeleted", {}
    )
    with pytest.raises(CloudError, match="version 2 of fn to become active") as caught:
        function.wait_active(aws, PENDING, WAKE)
    assert "ImageDeleted" in caught.value.why


def test_an_inactive_version_is_called_once_to_activate_it_and_that_call_may_fail(aws):
    aws.functions.states["2"] = "Inactive"
    aws.functions.refuses["invoke_with_response_stream"] = refusal("ResourceNotReadyException")
    function.wait_active(aws, PENDING, WAKE)
    assert len(aws.functions.called("invoke_with_response_stream")) == 1
    assert [wait["version"] for wait in aws.functions.waited] == ["2"]


def test_an_inactive_version_that_must_not_be_called_stays_inactive(aws):
    aws.functions.states["2"] = "Inactive"
    function.wait_active(aws, PENDING, None)
    assert aws.functions.waited == []
    assert [name for name, _ in aws.functions.calls] == ["get_function_configuration"]


def test_a_version_may_have_its_own_time_to_become_active(aws):
    function.wait_active(aws, PENDING, None, 30)
    assert aws.functions.waited == [{"version": "2", "Delay": 1, "MaxAttempts": 30}]


def test_a_version_that_lambda_cannot_activate_is_unhealthy(aws):
    reason = 'Waiter encountered a terminal failure state: "Failed"'
    aws.functions.refuses["published_version_active"] = WaiterError("PublishedVersionActive", reason, {})
    with pytest.raises(UnhealthyError, match="cannot make version 2 of fn ready"):
        function.wait_active(aws, PENDING, WAKE)
