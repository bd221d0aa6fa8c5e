"""What `nox -s real` stores of AWS's answers: nothing private, and enough to compare it with botocore's models."""

import io
import json
from datetime import UTC, datetime

import botocore.session
import pytest
from botocore import handlers
from botocore.awsrequest import AWSResponse
from support import aws_model
from support.aws_model import Wrong
from support.real.recorder import answers

ACCOUNTS = ("123456789012", "210987654321")


@pytest.mark.parametrize(
    ("answer", "secret"),
    [
        ({"Credentials": {"AccessKeyId": "ASIAABCDEFGHIJKLMNOP"}}, "ABCDEFGHIJKLMNOP"),
        ({"Credentials": {"SecretAccessKey": "hush", "SessionToken": "token"}}, "hush"),
        ({"Credentials": {"SecretAccessKey": "hush", "SessionToken": "FwoG"}}, "FwoG"),
        ({"authorizationData": [{"authorizationToken": "QVdTOmh1c2g="}]}, "QVdT"),
        ({"UserId": "AROAABCDEFGHIJKLMNOP:jane", "Arn": "arn:aws:sts::1:assumed-role/AWSReservedSSO/jane"}, "jane"),
        ({"Error": {"Message": "User: arn:aws:iam::1:user/team/jane is not authorized"}}, "jane"),
        ({"Error": {"Message": "jane.doe@corp.example is not authorized"}}, "jane"),
        ({"Location": "https://x.s3.amazonaws.com/k?X-Amz-Signature=0a1b&X-Amz-Security-Token=2c3d"}, "0a1b"),
        ({"Location": "https://x.s3.amazonaws.com/k?X-Amz-Signature=0a1b&X-Amz-Security-Token=2c3d"}, "2c3d"),
        ({"Code": {"Location": "arn:aws:lambda:us-east-1:123456789012:function:f"}}, "123456789012"),
        ({"Buckets": [{"Name": "real-x-210987654321-us-east-1-state"}]}, "210987654321"),
        ({"Error": {"Message": "account 555555555555 may not"}}, "555555555555"),
        ({"Owner": {"ID": "75aa57f09aa0c8caeab4f8c24e99d10f", "DisplayName": "jane"}}, "75aa"),
        ({"ResponseMetadata": {"HTTPStatusCode": 200, "HostId": "host", "HTTPHeaders": {"date": "now"}}}, "host"),
        ({"NextToken": "eyJ2IjoiMiJ9"}, "eyJ2"),
        ({"FunctionUrl": "https://abcdefghijabcdefghijabcdefghij12.lambda-url.us-east-1.on.aws/"}, "abcdefghij"),
        ({"Payload": b"arn:aws:iam::123456789012:user/jane"}, "jane"),
    ],
)
def test_nothing_private_is_stored(answer, secret):
    assert secret in repr(answer)
    assert secret not in json.dumps(answers.private(answer, ACCOUNTS))


def test_both_accounts_stay_apart_and_digests_stay():
    digest = "sha256:" + "a555555555555b00" * 4
    result = answers.private({"a": f"{ACCOUNTS[0]} {ACCOUNTS[1]} 999999999999", "imageDigest": digest}, ACCOUNTS)
    assert result == {"a": "111111111111 222222222222 333333333333", "imageDigest": digest}


def test_a_stored_answer_comes_back_but_for_its_streams():
    answer = {"at": datetime(2026, 1, 1, tzinfo=UTC), "bytes": b"x", "list": [1, 0.5, None, True], "Body": io.BytesIO()}
    stored = json.loads(json.dumps(answers.private(answer)))
    assert answers.restored(stored) == {**answer, "Body": {"stream": "BytesIO"}}


def test_without_the_folder_nothing_is_stored():
    before = list(handlers.BUILTIN_HANDLERS)
    answers.install({})
    assert before == handlers.BUILTIN_HANDLERS


def test_answers_and_refusals_of_a_session_are_stored_once_each(tmp_path, monkeypatch):
    monkeypatch.setattr(handlers, "BUILTIN_HANDLERS", list(handlers.BUILTIN_HANDLERS))
    answers.install({answers.FOLDER: str(tmp_path / "answers"), "REAL_PREPROD_ACCOUNT": ACCOUNTS[0]})
    session = botocore.session.Session()
    keys = {"aws_access_key_id": "id", "aws_secret_access_key": "secret"}
    client = session.create_client("lambda", region_name="us-east-1", **keys)
    bodies = [b'{"FunctionVersion": "1"}', b'{"FunctionVersion": "1"}', b'{"Message": "of 123456789012"}']

    def send(request, **_):
        body = bodies.pop(0)
        headers = {"x-amzn-ErrorType": "ResourceNotFoundException"} if b"Message" in body else {}
        raw = type("Raw", (io.BytesIO,), {"stream": lambda self: iter([self.read()])})(body)
        return AWSResponse(request.url, 404 if headers else 200, headers, raw)

    client.meta.events.register("before-send", send)
    for _ in range(2):
        client.get_alias(FunctionName="fn", Name="live")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_alias(FunctionName="fn", Name="live")
    written = [json.loads(file.read_text()) for file in sorted((tmp_path / "answers").iterdir())]
    assert {(each["service"], each["operation"]) for each in written} == {("lambda", "GetAlias")}
    assert {each["answer"]["ResponseMetadata"]["HTTPStatusCode"] for each in written} == {200, 404}
    assert len(written) == 2
    assert "123456789012" not in json.dumps(written)
    for each in written:
        aws_model.require_stored("lambda", "GetAlias", answers.restored(each["answer"]))


def test_a_stored_answer_that_aws_does_not_give_is_refused():
    with pytest.raises(Wrong):
        aws_model.require_stored("lambda", "GetAlias", {"FunctionVersion": 1})
    with pytest.raises(Wrong):
        aws_model.require_stored("lambda", "GetAlias", {"Error": {"Code": "NoSuchKey"}})
