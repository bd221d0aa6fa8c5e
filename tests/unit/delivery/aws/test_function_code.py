"""Lambda takes a new image of a function, and publishes it, only if nobody else has changed the function."""

from dataclasses import replace

import pytest
from botocore.exceptions import WaiterError
from support.aws import FakeAws, refusal
from support.build import DIGEST
from support.world import COMMIT, FUNCTION, OLD_URI, PUSHED, URI, VERSION

from delivery.aws import function_code
from delivery.aws.function_code import Unpublished
from delivery.errors import CloudError, RefusedError, UnhealthyError
from delivery.reference import PushedImage

OLD = PushedImage.parse("sse-streaming", OLD_URI)
BEFORE = Unpublished(FUNCTION, OLD, "function-1")


@pytest.fixture
def aws():
    fake = FakeAws()
    fake.functions.images |= {"$LATEST": OLD_URI, "1": OLD_URI}
    fake.functions.commits["1"] = COMMIT
    return fake


def test_the_function_is_read_with_its_image_and_its_revision(aws):
    assert function_code.read_unpublished(aws, FUNCTION) == BEFORE


def test_a_function_that_aws_does_not_have_is_none(aws):
    aws.functions.images.clear()
    assert function_code.read_unpublished(aws, FUNCTION) is None


def test_an_update_in_progress_is_waited_for_before_the_revision_is_read(aws):
    aws.functions.given(URI)
    assert function_code.read_unpublished(aws, FUNCTION) == Unpublished(FUNCTION, PUSHED, "function-3")


def test_a_function_whose_update_failed_says_so(aws):
    aws.functions.given(URI)
    aws.functions.update_ends = "Failed"
    assert function_code.read_unpublished(aws, FUNCTION) == Unpublished(FUNCTION, PUSHED, "function-3", failed=True)


def test_a_new_image_is_taken_and_published_for_its_commit(aws):
    function_code.begin_update(aws, BEFORE, PUSHED)
    after = function_code.end_update(aws, FUNCTION, PUSHED)
    assert function_code.publish(aws, after, COMMIT) == VERSION
    assert aws.functions.commits["2"] == COMMIT


def test_an_unchanged_function_keeps_its_version_and_the_commit_of_it(aws):
    version = function_code.publish(aws, BEFORE, "d" * 40)
    assert (version.version, version.commit) == ("1", COMMIT)


def test_a_version_that_was_read_is_not_read_again(aws):
    aws.functions.images["2"] = aws.functions.images["$LATEST"] = URI
    aws.functions.commits["2"] = COMMIT
    assert function_code.publish(aws, Unpublished(FUNCTION, PUSHED, "function-1"), COMMIT, VERSION) == VERSION
    assert [name for name, _ in aws.functions.calls] == ["publish_version"]


def test_an_update_of_a_function_that_somebody_changed_is_refused(aws):
    aws.functions.given(OLD_URI)
    with pytest.raises(RefusedError) as caught:
        function_code.begin_update(aws, BEFORE, PUSHED)
    assert caught.value.what == "The function fn was changed by somebody else meanwhile."
    assert "The alias was not moved" in caught.value.why
    assert aws.functions.images["$LATEST"] == OLD_URI


def test_an_update_that_botocore_sent_again_after_a_lost_answer_succeeds(aws):
    aws.functions.given(URI)
    function_code.begin_update(aws, BEFORE, PUSHED)
    assert function_code.end_update(aws, FUNCTION, PUSHED).image == PUSHED


def test_a_function_that_got_another_image_during_the_update_is_refused(aws):
    function_code.begin_update(aws, BEFORE, PUSHED)
    aws.functions.given(OLD_URI)
    with pytest.raises(RefusedError, match="changed by somebody else"):
        function_code.end_update(aws, FUNCTION, PUSHED)


def test_a_version_that_was_read_before_its_function_had_a_url_has_the_url(aws):
    known = replace(VERSION, version="1", url="")
    assert function_code.publish(aws, BEFORE, COMMIT, known).url == FUNCTION.url


def test_a_version_of_a_function_that_somebody_changed_is_not_published(aws):
    aws.functions.function_revision = 7
    with pytest.raises(RefusedError, match="changed by somebody else"):
        function_code.publish(aws, BEFORE, COMMIT)


def test_a_version_with_another_image_than_the_function_had_is_refused(aws):
    with pytest.raises(RefusedError, match="changed by somebody else") as caught:
        function_code.publish(aws, Unpublished(FUNCTION, PUSHED, "function-1"), COMMIT)
    assert caught.value.why.startswith(f"Version 1 runs {OLD.digest}.")


def test_an_image_that_lambda_refuses_is_reported(aws):
    aws.functions.refuses["update_function_code"] = refusal("InvalidParameterValueException", "Source image is invalid")
    with pytest.raises(CloudError, match=f"give fn the image {DIGEST[:19]}") as caught:
        function_code.begin_update(aws, BEFORE, PUSHED)
    assert "Source image is invalid" in caught.value.why


def test_an_update_that_fails_is_reported_with_the_reason_of_lambda(aws):
    function_code.begin_update(aws, BEFORE, PUSHED)
    aws.functions.update_ends, aws.functions.update_reason = "Failed", "The image is too large."
    with pytest.raises(UnhealthyError, match="Lambda cannot use the image") as caught:
        function_code.end_update(aws, FUNCTION, PUSHED)
    assert caught.value.why == "The image is too large.\nThe alias was not moved: the old version serves."


def test_an_update_that_does_not_end_is_reported(aws):
    function_code.begin_update(aws, BEFORE, PUSHED)
    aws.functions.refuses["function_updated_v2"] = WaiterError("FunctionUpdatedV2", "Max attempts exceeded", {})
    with pytest.raises(UnhealthyError, match="Lambda is still updating fn, after five minutes"):
        function_code.end_update(aws, FUNCTION, PUSHED)
