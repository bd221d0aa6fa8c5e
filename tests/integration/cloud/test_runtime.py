"""What the runtime of an image gets and must do, as on Lambda."""

import base64
import json
import time
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from support.local_cloud import Function, LocalCloud, completion, create, invoke, role

from sandbox.emulator.configuration import ACCOUNT, REGION


def asked(local: LocalCloud, name: str, path: str, **options: Any) -> tuple[Any, str]:
    """The answer to Invoke, and its FunctionError."""
    event = json.dumps({"rawPath": path}).encode()
    answer = local.aws("lambda").invoke(FunctionName=name, Payload=event, **options)
    return json.loads(answer["Payload"].read()), answer.get("FunctionError", "")


def test_a_runtime_gets_the_headers_of_its_invocation(local: LocalCloud, function: Function) -> None:
    context = base64.b64encode(json.dumps({"client": {"app": "é"}}).encode()).decode()
    facts, error = asked(local, function.name, "/given", Qualifier="live", ClientContext=context, TenantId="tenant-a")
    given = {name.lower().removeprefix("lambda-runtime-"): value for name, value in facts["headers"].items()}
    assert error == ""
    assert given["invoked-function-arn"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.name}:live"
    assert 0 < int(given["deadline-ms"]) / 1000 - time.time() < 60
    assert given["trace-id"].startswith("Root=1-")
    assert json.loads(given["client-context"]) == {"client": {"app": "é"}}
    assert given["aws-tenant-id"] == "tenant-a"
    assert given["aws-request-id"] != given["invocation-id"]


def test_a_runtime_gets_the_reserved_variables_and_its_own(local: LocalCloud, function: Function) -> None:
    variables = asked(local, function.name, "/given", Qualifier="1")[0]["environment"]
    assert {name: variables[name] for name in variables if name.startswith("AWS_LAMBDA_FUNCTION")} == {
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    }
    assert (variables["RELEASE"], variables["AWS_LAMBDA_INITIALIZATION_TYPE"]) == ("one", "on-demand")
    assert variables["AWS_LAMBDA_LOG_GROUP_NAME"] == f"/aws/lambda/{function.name}"
    streams = local.aws("logs").describe_log_streams(logGroupName=f"/aws/lambda/{function.name}")["logStreams"]
    assert variables["AWS_LAMBDA_LOG_STREAM_NAME"] in [stream["logStreamName"] for stream in streams]


def test_a_function_has_the_credentials_of_its_role_which_may_do_what_its_policy_says(
    local: LocalCloud, function: Function
) -> None:
    variables = asked(local, function.name, "/given")[0]["environment"]

    def client(service: str) -> Any:
        keys = {name.lower(): variables[name] for name in variables if name.startswith(("AWS_ACCESS_KEY_ID", "AWS_SE"))}
        return boto3.client(service, endpoint_url=local.cloud.endpoint, region_name=variables["AWS_REGION"], **keys)

    assert f":assumed-role/{role(local)}/" in client("sts").get_caller_identity()["Arn"]
    with pytest.raises(ClientError, match="AccessDenied"):
        client("s3").list_buckets()
    statement = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    local.aws("iam").put_role_policy(RoleName=role(local), PolicyName="reading", PolicyDocument=policy)
    assert client("s3").list_buckets()["Buckets"]


def test_a_function_runs_as_an_ordinary_user_who_can_write_to_tmp_only(local: LocalCloud, function: Function) -> None:
    facts, _ = asked(local, function.name, "/given")
    assert (facts["user"], facts["writes"]) == (993, ["/tmp"])


def test_a_reported_error_is_the_answer_and_the_runtime_takes_the_next_invocation(
    local: LocalCloud, function: Function
) -> None:
    before = asked(local, function.name, "/given")[0]["environment"]["AWS_LAMBDA_LOG_STREAM_NAME"]
    failed, error = asked(local, function.name, "/fail")
    assert (error, failed["errorMessage"]) == ("Unhandled", "no such thing")
    assert asked(local, function.name, "/given")[0]["environment"]["AWS_LAMBDA_LOG_STREAM_NAME"] == before


def test_an_answer_that_is_too_large_is_an_error(local: LocalCloud, function: Function) -> None:
    failed, _ = asked(local, function.name, "/large")
    assert failed["errorType"] == "Function.ResponseSizeTooLarge"


def test_a_function_that_uses_up_its_memory_is_killed(local: LocalCloud, function: Function) -> None:
    failed, _ = asked(local, function.name, "/memory")
    assert failed["errorType"] == "Runtime.OutOfMemory"


@pytest.mark.parametrize(
    ("start", "kind", "message"),
    [
        ("exit", "Runtime.ExitError", "this version cannot start"),
        ("quiet", "Runtime.ExitError", "Runtime exited without providing a reason"),
        ("error", "Function.SettingsError", "START must not be error"),
    ],
)
def test_a_version_that_cannot_start_is_an_error_with_its_reason(
    local: LocalCloud, start: str, kind: str, message: str
) -> None:
    create(local, f"broken-{start}", Environment={"Variables": {"START": start}})
    failed, _ = asked(local, f"broken-{start}", "/given")
    end = completion(invoke(local, f"broken-{start}", "1", {}))
    assert (failed["errorType"], end["ErrorCode"]) == (kind, kind)
    assert message in failed["errorMessage"]
    assert message in end["ErrorDetails"]
