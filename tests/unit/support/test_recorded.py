"""How recorded calls are named, which actions they need, and which answers differ from AWS's."""

import base64
import json

import pytest
from support.recorded import actions, answers, calls

FORM = {"content-type": "application/x-www-form-urlencoded"}
TOKEN = b"Action=AssumeRoleWithWebIdentity"
KEY = "ASIA1"


def entry(method, path, scope="lambda", **more):
    query = {"query": "", "headers": {}, "body": b"", "answer": b"", "status": 200, "answer_headers": {}, **more}
    encoded = {name: base64.b64encode(query[name]).decode() for name in ("body", "answer")}
    return {"method": method, "path": path, "scope": scope, "key": KEY, **query, **encoded}


def read(tmp_path, *entries):
    (tmp_path / "record").write_text("".join(json.dumps(line) + "\n" for line in entries))
    return list(calls.read(tmp_path / "record"))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (entry("GET", "/2015-03-31/functions/f"), "lambda:GetFunction"),
        (entry("GET", "/2015-03-31/functions/f/aliases/live"), "lambda:GetAlias"),
        (entry("POST", "/2015-03-31/functions"), "lambda:CreateFunction"),
        (entry("POST", "/2021-11-15/functions/f/response-streaming-invocations"), "lambda:InvokeWithResponseStream"),
        (entry("GET", "/b/k", "s3", query="x-id=GetObject"), "s3:GetObject"),
        (entry("GET", "/b", "s3", query="list-type=2&prefix=a"), "s3:ListObjectsV2"),
        (entry("GET", "/b", "s3", query="versioning="), "s3:GetBucketVersioning"),
        (entry("PUT", "/b/k/l", "s3"), "s3:PutObject"),
        (entry("PUT", "/b/k", "s3", headers={"x-amz-copy-source": "/c/d"}), "s3:CopyObject"),
        (entry("HEAD", "/b", "s3"), "s3:HeadBucket"),
        (entry("POST", "/", "iam", headers=FORM, body=b"Action=GetRole&RoleName=r"), "iam:GetRole"),
        (
            entry("POST", "/", "", headers=FORM, body=b"Action=AssumeRoleWithWebIdentity"),
            "sts:AssumeRoleWithWebIdentity",
        ),
        (
            entry("POST", "/", "logs", headers={"x-amz-target": "Logs.DescribeLogGroups"}),
            "logs:DescribeLogGroups",
        ),
        (entry("POST", "/service/Granite/operation/GetMetricData", "monitoring"), "cloudwatch:GetMetricData"),
        (entry("PATCH", "/v2/a/b/blobs/uploads/1", ""), "registry:PATCH uploads"),
        (entry("HEAD", "/v2/a/blobs/sha256:1", ""), "registry:HEAD blobs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_call_has_the_name_of_its_operation(tmp_path, line, name):
    assert [str(call) for call in read(tmp_path, line)] == [name]


@pytest.mark.parametrize(
    ("line", "needed"),
    [
        (entry("HEAD", "/b", "s3"), {"s3:ListBucket"}),
        (entry("GET", "/2015-03-31/functions/f"), {"lambda:GetFunction", "lambda:ListTags"}),
        (entry("PUT", "/v2/a/manifests/t", ""), {"ecr:PutImage"}),
        (
            entry("POST", "/", "iam", headers=FORM, body=b"Action=CreateRole&Tags.member.1.Key=a"),
            {"iam:CreateRole", "iam:TagRole"},
        ),
        (
            entry("POST", "/", "logs", headers={"x-amz-target": "Logs.CreateLogGroup"}, body=b'{"tags": {"a": "b"}}'),
            {"logs:CreateLogGroup", "logs:TagResource"},
        ),
    ],
)
def test_a_call_needs_the_action_of_its_operation_and_what_goes_with_it(tmp_path, line, needed):
    assert actions.needed(read(tmp_path, line)[0]) == needed


def test_creating_a_function_needs_the_actions_that_aws_calls_dependent(tmp_path):
    assert "iam:PassRole" in actions.needed(read(tmp_path, entry("POST", "/2015-03-31/functions"))[0])


def test_an_operation_without_an_action_of_its_name_must_be_in_the_table(tmp_path):
    (call,) = read(tmp_path, entry("HEAD", "/b/k", "s3"))
    assert actions.needed(call) == {"s3:GetObject"}
    assert [operation for operation in actions.RENAMED if actions.known(operation)] == []
    assert [action for action in actions.RENAMED.values() if not actions.known(action)] == []


def test_only_calls_of_a_session_of_a_role_count_and_none_of_the_test_itself(tmp_path):
    role = "arn:aws:iam::111111111111:role/ci/r"
    body = f"Action=AssumeRoleWithWebIdentity&RoleArn={role.replace(':', '%3A').replace('/', '%2F')}".encode()
    answer = f"<a><AccessKeyId>{KEY}</AccessKeyId></a>".encode()
    assumed = {**entry("POST", "/", "", headers=FORM, body=body, answer=answer), "key": ""}
    used = entry("HEAD", "/b", "s3")
    mine = entry("PUT", "/b/k", "s3", headers={"user-agent": "boto3 a-test"})
    other = {**entry("PUT", "/b/k", "s3"), "key": "111111111111"}
    assert actions.by_role(read(tmp_path, assumed, used, mine, other), "a-test") == {role: {"s3:ListBucket"}}


def answer(text, path="/2015-03-31/functions/f/aliases/live", method="GET", scope="lambda", **more):
    return entry(method, path, scope, answer=text if isinstance(text, bytes) else json.dumps(text).encode(), **more)


def get_role(text, **more):
    return answer(text, "/", "POST", "iam", headers=FORM, body=b"Action=GetRole", **more)


@pytest.mark.parametrize(
    ("line", "difference"),
    [
        (answer({"Name": "live", "FunctionVersion": "1"}), None),
        (answer({"Nome": "live"}), "lambda:GetAlias answer.Nome: unknown"),
        (answer({"FunctionVersion": 1}), "lambda:GetAlias answer.FunctionVersion: int instead of string"),
        (answer({"RoutingConfig": []}), "lambda:GetAlias answer.RoutingConfig: list instead of dict"),
        (
            answer({"State": "Odd"}, "/2015-03-31/functions/f/configuration"),
            "lambda:GetFunctionConfiguration answer.State: 'Odd' is none of its values",
        ),
        (
            answer({}, "/2021-10-31/functions/f/url"),
            "lambda:GetFunctionUrlConfig answer.FunctionUrl: missing",
        ),
        (
            answer({"__type": "NoSuchThing"}, status=404),
            "lambda:GetAlias 404: AWS has no error NoSuchThing of this operation",
        ),
        (answer({"__type": "ResourceNotFoundException"}, status=404), None),
        (
            answer(
                b"<E><Code>NoSuchEntity</Code></E>",
                "/",
                "POST",
                "iam",
                headers=FORM,
                body=b"Action=GetRole",
                status=404,
            ),
            None,
        ),
        (
            answer(
                b"<R><GetRoleResult><Role><Rolle/></Role></GetRoleResult></R>",
                "/",
                "POST",
                "iam",
                headers=FORM,
                body=b"Action=GetRole",
            ),
            "iam:GetRole answer.Role.Rolle: unknown",
        ),
        (
            answer(b"<L><KeyCount>x</KeyCount></L>", "/b", "GET", "s3", query="list-type=2"),
            "s3:ListObjectsV2 answer.KeyCount: 'x' instead of integer",
        ),
    ],
)
def test_an_answer_that_aws_would_not_give_is_a_difference(tmp_path, line, difference):
    found = answers.differences(read(tmp_path, line))
    assert difference in found if difference else found == set()
