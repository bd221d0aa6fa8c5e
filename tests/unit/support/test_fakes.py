"""A fake fails for a call without a prepared answer, and for what AWS cannot take, answer or raise.

Otherwise the other tests could pass without a reason.
"""

import pytest
from botocore.exceptions import ClientError
from support.aws import FakeAws, chunk, refusal
from support.aws_model import Wrong
from support.shell import FakeShell

from delivery.process.shell import Command


def test_an_unknown_command_is_refused():
    with pytest.raises(AssertionError, match="no answer for: rm -rf"):
        FakeShell({"git": ""}).run(Command(("rm", "-rf", "/")))


def test_one_answer_too_few_is_refused():
    shell = FakeShell({"git": ["once"]})
    shell.run(Command(("git", "log")))
    with pytest.raises(AssertionError, match="no more answers"):
        shell.run(Command(("git", "log")))


@pytest.mark.parametrize(
    "call",
    [
        lambda aws: aws.functions.delete_function(FunctionName="fn"),
        lambda aws: aws.functions.get_alias(FunctionName="fn"),
        lambda aws: aws.functions.get_alias(FunctionName="fn", Name="live", Qualifier="1"),
        lambda aws: aws.functions.get_alias(FunctionName=1, Name="live"),
        lambda aws: aws.functions.get_alias(FunctionName="other", Name="live"),
        lambda aws: aws.ecr.describe_repositories(repositoryNames=[], maxResults=5),
        lambda aws: aws.s3.delete_bucket(Bucket="state"),
        lambda aws: aws.functions.invoke_with_response_stream(FunctionName="fn", Qualifier="9", Payload="{}"),
    ],
)
def test_an_unknown_call_or_argument_is_refused(call):
    with pytest.raises(AssertionError):
        call(FakeAws())


ARN = "arn:aws:lambda:us-east-1:000000000000:function:fn"
URL = {"FunctionArn": ARN, "FunctionUrl": f"https://{'a' * 32}.lambda-url.us-east-1.on.aws/", "CreationTime": "now"}


@pytest.mark.parametrize(
    ("service", "operation", "given", "answer", "why"),
    [
        ("functions", "get_alias", {"FunctionName": "fn", "Name": "live"}, {"Version": "1"}, '"Version"'),
        ("functions", "get_alias", {"FunctionName": "fn", "Name": "live"}, {"FunctionVersion": 1}, "FunctionVersion"),
        ("functions", "get_alias", {"FunctionName": "fn", "Name": "live"}, None, "NoneType"),
        (
            "functions",
            "get_function_url_config",
            {"FunctionName": "fn"},
            URL | {"AuthType": "NONE"},
            "LastModifiedTime",
        ),
        ("functions", "get_function_configuration", {"FunctionName": "fn"}, {"State": "Ready"}, "Ready"),
        ("functions", "remove_permission", {"FunctionName": "fn", "StatementId": "s"}, {"Statement": ""}, "nothing"),
        ("ecr", "describe_images", {"repositoryName": "xy"}, {"imageDetails": [{"imagePushedAt": "now"}]}, "datetime"),
        ("ecr", "describe_images", {"repositoryName": "xy"}, {"imageDetails": [{"imageTags": "v1"}]}, "imageTags"),
        ("s3", "get_object", {"Bucket": "state", "Key": "k"}, {"Body": "text"}, "stream"),
    ],
)
def test_an_answer_that_aws_does_not_give_is_refused(service, operation, given, answer, why):
    fake = getattr(FakeAws(), service)
    setattr(fake, operation, lambda **_: answer)
    with pytest.raises(Wrong, match=why):
        getattr(fake, operation)(**given)


def test_the_fakes_own_answers_are_checked_too():
    aws = FakeAws()
    aws.functions.live = 1
    with pytest.raises(Wrong, match="FunctionVersion"):
        aws.functions.get_alias(FunctionName="fn", Name="live")


@pytest.mark.parametrize(
    "events",
    [[{"PayloadChunk": {"Payload": "text"}}], [{"Chunk": {}}], [{}], [chunk(b"") | {"InvokeComplete": {}}]],
)
def test_an_event_that_lambda_does_not_send_is_refused(events):
    aws = FakeAws()
    aws.functions.responses["2"] = [chunk(b"first"), *events]
    answer = aws.functions.invoke_with_response_stream(FunctionName="fn", Qualifier="2", Payload="{}")
    stream = iter(answer["EventStream"])
    assert next(stream) == chunk(b"first")
    with pytest.raises(Wrong):
        next(stream)


@pytest.mark.parametrize(
    ("service", "operation", "given", "code"),
    [
        ("functions", "get_alias", {"FunctionName": "fn", "Name": "live"}, "PreconditionFailedException"),
        ("ecr", "describe_repositories", {"repositoryNames": ["xy"]}, "ServiceException"),
        ("s3", "head_bucket", {"Bucket": "state"}, "NoSuchKey"),
        ("cloudwatch", "get_metric_data", {"MetricDataQueries": [], "StartTime": 1, "EndTime": 2}, "AccessDenyed"),
    ],
)
def test_a_code_that_the_operation_does_not_have_is_refused(service, operation, given, code):
    fake = getattr(FakeAws(), service)
    fake.refuses[operation] = refusal(code)
    with pytest.raises(Wrong, match=f"no error {code} of"):
        getattr(fake, operation)(**given)
    with pytest.raises(Wrong, match="no error NotMine of UpdateAlias"):
        refusal("NotMine", operation="UpdateAlias")


def test_a_code_that_the_operation_has_is_raised_as_boto3_raises_it():
    aws = FakeAws()
    aws.functions.refuses["get_alias"] = refusal("TooManyRequestsException", "Rate exceeded")
    with pytest.raises(ClientError, match=r"TooManyRequestsException.*GetAlias operation: Rate exceeded"):
        aws.functions.get_alias(FunctionName="fn", Name="live")


@pytest.mark.parametrize(
    "use",
    [
        lambda aws: aws.functions.get_waiter("function_is_nice"),
        lambda aws: aws.functions.get_waiter("published_version_active").wait(Name="fn"),
        lambda aws: aws.ecr.get_paginator("put_image"),
    ],
)
def test_a_waiter_or_paginator_that_boto3_does_not_have_is_refused(use):
    with pytest.raises(Wrong):
        use(FakeAws())
