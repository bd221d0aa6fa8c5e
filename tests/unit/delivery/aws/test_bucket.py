"""The state bucket must belong to the environment's account: a bucket of somebody else is refused, and never read."""

import pytest
from botocore.exceptions import ClientError
from support.aws import ACCOUNT, FakeAws, FakeS3, refusal

from delivery.aws import bucket
from delivery.errors import CloudError, ConfigurationError, RefusedError


def test_every_call_names_the_account_that_must_own_the_bucket():
    aws = FakeAws(s3=FakeS3())
    assert not bucket.exists(aws)
    bucket.create(aws)
    assert bucket.exists(aws)
    assert bucket.read(aws, "service.tfstate") is None
    owners = {name: given.get("ExpectedBucketOwner") for name, given in aws.s3.calls}
    assert owners == {"head_bucket": ACCOUNT, "get_object": ACCOUNT, "create_bucket": None}


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("call", [bucket.exists, bucket.create, lambda aws: bucket.read(aws, "service.tfstate")])
def test_a_bucket_of_another_account_is_refused(call, opened):
    """A bucket that its owner lets us read is refused too, because the owner can change the state."""
    aws = FakeAws(s3=FakeS3(foreign=["state"], opened=opened))
    with pytest.raises(RefusedError, match="The state bucket state belongs to another account") as caught:
        call(aws)
    assert f"must belong to {ACCOUNT}" in caught.value.why
    assert "environments.sandbox.state_bucket in invoke.yaml" in caught.value.hint


def test_a_bucket_of_another_account_that_is_open_to_us_is_refused_without_the_list_of_our_buckets():
    aws = FakeAws(s3=FakeS3(foreign=["state"], opened=True))
    aws.s3.refuses["list_buckets"] = refusal("AccessDenied")
    with pytest.raises(RefusedError, match="belongs to another account"):
        bucket.exists(aws)


def test_our_own_bucket_that_we_may_not_list_lacks_a_permission():
    aws = FakeAws(s3=FakeS3("state"))
    aws.s3.refuses["head_bucket"] = refusal("403")
    with pytest.raises(CloudError, match="out of reach") as caught:
        bucket.exists(aws)
    assert caught.value.why == "This account owns it; these credentials may not list it (s3:ListBucket)."


def test_where_s3_hides_the_cause_both_causes_are_named():
    aws = FakeAws(s3=FakeS3(foreign=["state"]))
    aws.s3.refuses["list_buckets"] = refusal("AccessDenied")
    with pytest.raises(CloudError, match="out of reach") as caught:
        bucket.exists(aws)
    assert "Either another account owns it" in caught.value.why
    assert "s3:ListBucket" in caught.value.why
    assert "state_bucket in invoke.yaml" in caught.value.hint


@pytest.mark.parametrize(("name", "code"), [("head_bucket", "400"), ("list_buckets", "SlowDown")])
def test_another_failure_is_reported_as_it_is(name, code):
    aws = FakeAws(s3=FakeS3("state" if name == "head_bucket" else "", foreign=["state"]))
    aws.s3.refuses[name] = refusal(code)
    with pytest.raises(CloudError, match=rf"AWS refused \({code}\)"):
        bucket.exists(aws)


def test_a_bucket_that_an_interrupted_bootstrap_made_is_taken():
    aws = FakeAws(s3=FakeS3("state"))
    aws.s3.refuses["create_bucket"] = refusal("BucketAlreadyOwnedByYou")
    bucket.create(aws)
    assert aws.s3.called("head_bucket")


def test_a_missing_permission_to_read_is_named_and_the_owner_is_not_looked_for():
    aws = FakeAws(s3=FakeS3("state"))
    aws.s3.refuses["get_object"] = refusal("AccessDenied", "not authorized to perform: s3:GetObject")
    with pytest.raises(CloudError, match="s3:GetObject"):
        bucket.read(aws, "service.tfstate")
    assert [name for name, _ in aws.s3.calls] == ["get_object"]


def test_an_object_that_is_refused_without_a_reason_is_reported_after_the_owner_was_checked():
    aws = FakeAws(s3=FakeS3("state"))
    aws.s3.refuses["get_object"] = refusal("AccessDenied", "Access Denied")
    with pytest.raises(CloudError, match=r"Could not read service\.tfstate in the state bucket state"):
        bucket.read(aws, "service.tfstate")
    assert [name for name, _ in aws.s3.calls] == ["get_object", "head_bucket"]


def redirect(region):
    answer = {
        "Error": {"Code": "301", "Message": "Moved Permanently"},
        "ResponseMetadata": {"HTTPHeaders": {"x-amz-bucket-region": region}},
    }
    return ClientError(answer, "HeadBucket")


@pytest.mark.parametrize("redirected", [False, True])
def test_a_bucket_in_another_region_names_the_setting_before_terraform_runs(redirected):
    aws = FakeAws(s3=FakeS3("state"))
    aws.s3.region = "eu-west-1"
    if redirected:
        aws.s3.refuses["head_bucket"] = redirect("eu-west-1")
    with pytest.raises(
        ConfigurationError, match="The state bucket state is in eu-west-1, and sandbox in us-east-1"
    ) as caught:
        bucket.exists(aws)
    assert "environments.sandbox.region: eu-west-1 in invoke.yaml" in caught.value.hint
    assert "invoke bootstrap --env sandbox" in caught.value.hint


def test_a_bucket_in_the_region_of_the_environment_is_used():
    aws = FakeAws(s3=FakeS3("state"))
    aws.s3.region = "us-east-1"
    assert bucket.exists(aws)
