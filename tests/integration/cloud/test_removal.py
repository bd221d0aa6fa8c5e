"""What a killed `nox -s real` leaves in an account is found by the next run, and removed without touching the rest."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.local_cloud import LocalCloud
from support.real import accounts, removal
from support.real.accounts import Account

NUMBER = "111111111111"


@pytest.fixture
def account(local: LocalCloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Account:
    profile = f"[work]\naws_access_key_id = {NUMBER}\naws_secret_access_key = none\n"
    (tmp_path / "credentials").write_text(profile)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_ENDPOINT_URL", local.cloud.endpoint)
    return Account(f"{accounts.stem(os.environ)}abca", NUMBER, "us-east-1", "work")


def leave(account: Account) -> None:
    """One resource of each kind, as a run that was killed leaves it."""
    name, tags = account.environment, [{"Key": "Environment", "Value": account.environment}]
    s3, iam, functions = account.client("s3"), account.client("iam"), account.client("lambda")
    s3.create_bucket(Bucket=account.bucket)
    s3.put_bucket_versioning(Bucket=account.bucket, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        s3.put_object(Bucket=account.bucket, Key="service.tfstate", Body=b"{}")
    s3.delete_object(Bucket=account.bucket, Key="service.tfstate")
    iam.create_open_id_connect_provider(Url="https://token.actions.githubusercontent.com", Tags=tags)
    boundary = iam.create_policy(PolicyName=f"{name}-function-boundary", PolicyDocument=_allow("s3:*"))
    arn = boundary["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=_allow("logs:*"), SetAsDefault=True)
    role: dict[str, Any] = {"RoleName": f"{name}-delivery", "Path": "/ci/", "PermissionsBoundary": arn}
    made = iam.create_role(**role, AssumeRolePolicyDocument=_allow("sts:AssumeRole", Principal={"AWS": NUMBER}))
    iam.put_role_policy(RoleName=f"{name}-delivery", PolicyName="delivery", PolicyDocument=_allow("s3:*"))
    iam.attach_role_policy(RoleName=f"{name}-delivery", PolicyArn=arn)
    account.client("ecr").create_repository(repositoryName=f"{name}-sse-streaming-lambda", tags=tags)
    account.client("logs").create_log_group(logGroupName=f"/aws/lambda/{account.function}")
    alarm: dict[str, Any] = {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Statistic": "Sum", "Threshold": 1}
    times = {"Period": 60, "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}
    account.client("cloudwatch").put_metric_alarm(AlarmName=f"{account.function}-errors", **alarm, **times)
    account.client("cloudwatch").put_dashboard(DashboardName=f"{account.function}-streams", DashboardBody="{}")
    key: dict[str, Any] = {"AttributeName": "feed"}
    account.client("dynamodb").create_table(
        TableName=f"{account.function}-events",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{**key, "KeyType": "HASH"}],
        AttributeDefinitions=[{**key, "AttributeType": "S"}],
    )
    image = {"PackageType": "Image", "Code": {"ImageUri": f"nowhere@sha256:{'a' * 64}"}}
    functions.create_function(FunctionName=account.function, Role=made["Role"]["Arn"], **image, Publish=True)
    functions.create_alias(FunctionName=account.function, Name="live", FunctionVersion="1")


def _allow(action: str, **more: object) -> str:
    statement = {"Effect": "Allow", "Action": action, **({} if "Principal" in more else {"Resource": "*"}), **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_the_remains_of_a_killed_run_are_found_and_removed_and_nothing_else(account: Account) -> None:
    others = account.client("ecr")
    others.create_repository(repositoryName="preprod-sse-streaming-lambda")
    leave(account)
    assert accounts.inspect(account, os.environ) == (account.environment,)
    held = {kind.name: len(list(kind.find(account, account.environment))) for kind in removal.KINDS}
    assert held == dict.fromkeys(held, 1), "one of each kind"
    assert removal.remove(account, account.environment) == []
    assert removal.remains(account, account.environment) == []
    assert accounts.inspect(account, os.environ) == ()
    assert [each["repositoryName"] for each in others.describe_repositories()["repositories"]] == [
        "preprod-sse-streaming-lambda"
    ]
