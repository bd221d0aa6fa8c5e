"""Each mend of the emulator: that the gap is still there upstream (else: delete the mend), and that it is closed."""

import asyncio
import base64
import importlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cloud_gaps import ENDPOINT, document, gap, mend, names, unmended

from sandbox.emulator import launcher, patches

cloudwatch: Any = importlib.import_module("ministack.services.cloudwatch")
ecr: Any = importlib.import_module("ministack.services.ecr")


@pytest.fixture(autouse=True)
def emulator() -> Iterator[None]:
    with unmended():
        yield


def alarm(**settings: Any) -> str:
    name = next(names)
    full = {
        "AlarmName": name,
        "AlarmDescription": "more than 1 & <less> than 2",
        "MetricName": "Errors",
        "Namespace": "AWS/Lambda",
        "Period": 300,
        "Threshold": 1.5,
        "ComparisonOperator": "GreaterThanThreshold",
        "Dimensions": [{"Name": "FunctionName", "Value": "f"}],
        **settings,
    }
    assert cloudwatch._put_metric_alarm({}, full, False, True)[0] == 200
    return name


def described(name: str) -> str:
    return str(cloudwatch._describe_alarms({"AlarmNames.member.1": [name]}, {}, False)[2].decode())


def test_an_alarm_is_described_with_all_that_terraform_compares() -> None:
    name = alarm()
    gap("<Period>" not in described(name))
    mend(patches.alarms_in_full)
    text = described(name)
    assert "<Period>300</Period><EvaluationPeriods>1</EvaluationPeriods>" in text
    assert "<Threshold>1.5</Threshold>" in text
    assert "<Dimensions><member><Name>FunctionName</Name><Value>f</Value></member></Dimensions>" in text
    assert "<AlarmDescription>more than 1 &amp; &lt;less&gt; than 2</AlarmDescription>" in text
    assert "<ActionsEnabled>true</ActionsEnabled>" in text


def test_an_alarm_on_a_percentile_has_no_plain_statistic() -> None:
    name = alarm(ExtendedStatistic="p99")
    mend(patches.alarms_in_full)
    text = described(name)
    assert "<ExtendedStatistic>p99</ExtendedStatistic>" in text
    assert "<Statistic>" not in text


def test_the_login_is_for_this_endpoint() -> None:
    def endpoint() -> str:
        return str(document(ecr._get_authorization_token({}))["authorizationData"][0]["proxyEndpoint"])

    gap(ENDPOINT not in endpoint())
    mend("_get_authorization_token")
    assert endpoint() == ENDPOINT


def pushed_to(name: str, account: str = "", password: str = "") -> int:
    """The status of a registry request for a repository, made as nobody or with a password."""
    credentials = base64.b64encode(f"AWS:{password}".encode()).decode()
    headers = {"authorization": f"Basic {credentials}"} if password else {}

    async def ask() -> int:
        ecr.set_request_account_id(account)
        path = f"/v2/{name}/blobs/uploads/"
        return int((await ecr.handle_registry_request("POST", path, headers, b"", {}))[0])

    return asyncio.run(ask())


def test_a_registry_request_reaches_the_account_whose_password_or_repository_it_is() -> None:
    name, both = next(names), next(names)
    tokens = {}
    mend("_get_authorization_token")
    for account in ("111111111111", "222222222222"):
        ecr.set_request_account_id(account)
        token = document(ecr._get_authorization_token({}))["authorizationData"][0]["authorizationToken"]
        tokens[account] = base64.b64decode(token).decode().removeprefix("AWS:")
        for repository in (name, both)[account.startswith("2") :]:
            document(ecr._create_repository({"repositoryName": repository}))
    ecr.set_request_account_id("000000000000")
    gap(pushed_to(name) == 404)
    mend(patches.registries_apart)
    assert pushed_to(name) == pushed_to(name, password=tokens["111111111111"]) == 202
    assert pushed_to(name, password=tokens["222222222222"]) == 404
    assert pushed_to(both) == 404, "two accounts have it, and nothing says which is meant"
    assert pushed_to(both, password=tokens["222222222222"]) == 202
    assert pushed_to(name, password="somebody else's") == 202


def test_an_image_that_is_not_there_is_an_error() -> None:
    name = next(names)
    document(ecr._create_repository({"repositoryName": name}))
    question = {"repositoryName": name, "imageIds": [{"imageTag": "none"}]}
    gap(ecr._describe_images(question)[0] == 200)
    mend(patches.missing_images_named)
    status, headers, _ = ecr._describe_images(question)
    assert (status, headers["x-amzn-ErrorType"]) == (400, "ImageNotFoundException")
    assert document(ecr._describe_images({"repositoryName": name}))["imageDetails"] == []


def test_the_size_of_an_image_is_that_of_its_layers() -> None:
    name = next(names)
    manifest = json.dumps({"schemaVersion": 2, "layers": [{"size": 1000, "digest": "x"}, {"size": 234, "digest": "y"}]})
    document(ecr._create_repository({"repositoryName": name}))
    document(ecr._put_image({"repositoryName": name, "imageManifest": manifest, "imageTag": "1"}))

    def size() -> int:
        return int(document(ecr._describe_images({"repositoryName": name}))["imageDetails"][0]["imageSizeInBytes"])

    gap(size() != 1234)
    mend(patches.image_sizes_of_layers)
    assert size() == 1234


def seconds_to_answer(app: launcher.App, method: str, path: str) -> float:
    """The quickest of twenty, so that a busy machine does not decide."""
    scope = {"type": "http", "method": method, "path": path, "headers": [(b"x-amz-target", b"X.DescribeRegistry")]}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def ask() -> float:
        began = time.perf_counter()
        started: list[float] = []

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                started.append(time.perf_counter() - began)

        await app(scope, receive, send)
        return started[0]

    async def quickest() -> float:
        return min([await ask() for _ in range(20)])

    return asyncio.run(quickest())


def test_changes_are_answered_late_and_reads_are_not() -> None:
    upstream = importlib.import_module("ministack.app").app
    gap(seconds_to_answer(upstream, "POST", "/") < launcher.ANSWER_DELAY)
    mended = launcher.unhurried(upstream)
    assert seconds_to_answer(mended, "POST", "/") >= launcher.ANSWER_DELAY
    assert seconds_to_answer(mended, "GET", "/_ministack/health") < launcher.ANSWER_DELAY
