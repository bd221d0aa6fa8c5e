"""A fake fails for a call without a prepared answer; otherwise the other tests could pass without a reason."""

import pytest
from support.aws import FakeAws
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
