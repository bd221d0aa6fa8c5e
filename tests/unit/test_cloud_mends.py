"""Each mend of the emulator: that the gap is still there upstream (else: delete the mend), and that it is closed."""

import asyncio
import importlib
import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox import launcher, mends, mends_lambda

ENDPOINT = "http://127.0.0.1:4999"
IMAGE = "127.0.0.1:4999/app@sha256:" + "a" * 64
OTHER_IMAGE = "127.0.0.1:4999/app@sha256:" + "b" * 64

cloudwatch: Any = importlib.import_module("ministack.services.cloudwatch")
ecr: Any = importlib.import_module("ministack.services.ecr")
svc: Any = importlib.import_module("ministack.services.lambda_svc")

names = (f"name-{number}" for number in itertools.count())


@pytest.fixture
def emulator() -> Iterator[None]:
    """The emulator's functions as upstream wrote them, put back after the test."""
    every = (*mends.mends(ENDPOINT), *mends_lambda.mends(ENDPOINT))
    before = [(mend.module, mend.function, getattr(mend.module, mend.function)) for mend in every]
    yield
    for module, function, upstream in before:
        setattr(module, function, upstream)


pytestmark = pytest.mark.usefixtures("emulator")


def mend(wrap: Callable[..., Any] | str) -> None:
    """Apply the mends made by that function, or those of the emulator's function of that name."""
    for each in (*mends.mends(ENDPOINT), *mends_lambda.mends(ENDPOINT)):
        if wrap in (each.wrap, each.function):
            each.apply()


def gap(found: bool) -> None:
    assert found, "mend no longer needed: upstream has closed this gap, delete the mend"


def document(answer: Any) -> Any:
    status, _, body = answer
    assert status < 300, body
    return json.loads(body)


def function(**settings: Any) -> str:
    name = next(names)
    document(svc._create_function({"FunctionName": name, "Code": {"ImageUri": IMAGE}, **settings}))
    return name


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
    mend(mends.alarms_in_full)
    text = described(name)
    assert "<Period>300</Period><EvaluationPeriods>1</EvaluationPeriods>" in text
    assert "<Threshold>1.5</Threshold>" in text
    assert "<Dimensions><member><Name>FunctionName</Name><Value>f</Value></member></Dimensions>" in text
    assert "<AlarmDescription>more than 1 &amp; &lt;less&gt; than 2</AlarmDescription>" in text
    assert "<ActionsEnabled>true</ActionsEnabled>" in text


def test_an_alarm_on_a_percentile_has_no_plain_statistic() -> None:
    name = alarm(ExtendedStatistic="p99")
    mend(mends.alarms_in_full)
    text = described(name)
    assert "<ExtendedStatistic>p99</ExtendedStatistic>" in text
    assert "<Statistic>" not in text


def test_the_login_is_for_this_endpoint() -> None:
    def endpoint() -> str:
        return str(document(ecr._get_authorization_token({}))["authorizationData"][0]["proxyEndpoint"])

    gap(ENDPOINT not in endpoint())
    mend("_get_authorization_token")
    assert endpoint() == ENDPOINT


def test_an_image_that_is_not_there_is_an_error() -> None:
    name = next(names)
    document(ecr._create_repository({"repositoryName": name}))
    question = {"repositoryName": name, "imageIds": [{"imageTag": "none"}]}
    gap(ecr._describe_images(question)[0] == 200)
    mend(mends.missing_images_named)
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
    mend(mends.image_sizes_of_layers)
    assert size() == 1234


def test_the_code_sha_of_an_image_function_is_its_digest() -> None:
    def shas() -> list[str]:
        name = function()
        created = svc._functions[name]["config"]["CodeSha256"]
        return [created, document(svc._update_code(name, {"ImageUri": OTHER_IMAGE}))["CodeSha256"]]

    gap(shas() == ["", ""])
    mend(mends_lambda.image_code_sha_at_create)
    mend(mends_lambda.image_code_sha_at_update)
    assert shas() == ["a" * 64, "b" * 64]


def test_a_refused_update_leaves_the_code_sha_as_it_was() -> None:
    mend(mends_lambda.image_code_sha_at_create)
    mend(mends_lambda.image_code_sha_at_update)
    name = function()
    assert svc._update_code(name, {"ImageUri": OTHER_IMAGE, "RevisionId": "stale"})[0] == 412
    assert svc._functions[name]["config"]["CodeSha256"] == "a" * 64


def test_a_version_published_with_the_function_or_its_code_has_its_own_arn() -> None:
    def arns() -> list[str]:
        name = function(Publish=True)
        document(svc._update_code(name, {"ImageUri": OTHER_IMAGE, "Publish": True}))
        return [
            version["config"]["FunctionArn"].rpartition(":")[2] for version in svc._functions[name]["versions"].values()
        ]

    gap(arns() != ["1", "2"])
    mend(mends_lambda.versions_named_in_their_arn)
    assert arns() == ["1", "2"]


def test_publishing_without_a_change_gives_the_version_that_is_there() -> None:
    def published() -> str:
        name = function(Publish=True)
        return str(document(svc._publish_version(name, {}))["Version"])

    gap(published() == "2")
    mend(mends_lambda.nothing_published_twice)
    assert published() == "1"


def test_publishing_after_a_change_makes_a_version() -> None:
    mend(mends_lambda.image_code_sha_at_create)
    mend(mends_lambda.image_code_sha_at_update)
    mend(mends_lambda.nothing_published_twice)
    name = function(Publish=True)
    document(svc._update_code(name, {"ImageUri": OTHER_IMAGE}))
    assert document(svc._publish_version(name, {}))["Version"] == "2"
    document(svc._update_config(name, {"Environment": {"Variables": {"A": "1"}}}))
    assert document(svc._publish_version(name, {}))["Version"] == "3"


def test_two_versions_of_one_image_do_not_share_containers() -> None:
    config = svc._functions[function()]["config"]

    def keys() -> set[str]:
        return {svc._warm_pool_key("f", {**config, "Version": version}) for version in ("1", "2")}

    gap(len(keys()) == 1)
    mend(mends_lambda.containers_by_version)
    assert len(keys()) == 2


def test_an_update_leaves_the_containers_of_versions_alone() -> None:
    def left(name: str) -> list[str]:
        config = svc._functions[name]["config"]
        account = svc._account_from_arn(config["FunctionArn"])
        for version in ("$LATEST", "1"):
            entry = {"container": None, "tmpdir": None, "in_use": True, "last_used": time.time()}
            svc._warm_pool[svc._warm_pool_key(name, {**config, "Version": version})] = [entry]
        svc._pool_kill_function(account, name)
        kept = [key for key in svc._warm_pool if f":{name}:" in key]
        for key in kept:
            svc._warm_pool.pop(key)
        return [key.rpartition(":")[2] for key in kept]

    mend(mends_lambda.containers_by_version)
    gap(left(function()) == [])
    mend(mends_lambda.updates_spare_versions)
    assert left(function()) == ["1"]


def test_a_deleted_function_keeps_no_container() -> None:
    mend(mends_lambda.containers_by_version)
    mend(mends_lambda.updates_spare_versions)
    name = function()
    svc._warm_pool[svc._warm_pool_key(name, {**svc._functions[name]["config"], "Version": "1"})] = []
    svc._delete_function(name, {})
    assert not [key for key in svc._warm_pool if f":{name}:" in key]


def test_every_answer_about_a_function_url_has_the_address_that_works_here() -> None:
    def urls() -> list[str]:
        name = function()
        created = document(svc._create_function_url_config(name, {}, None))["FunctionUrl"]
        read = document(svc._get_function_url_config(name, None))["FunctionUrl"]
        updated = document(svc._update_function_url_config(name, {"InvokeMode": "RESPONSE_STREAM"}, None))[
            "FunctionUrl"
        ]
        listed = document(svc._list_function_url_configs(name, {}))["FunctionUrlConfigs"][0]["FunctionUrl"]
        return [created, read, updated, listed]

    gap(not urls()[0].startswith(ENDPOINT))
    for each in ("create", "get", "update"):
        mend(f"_{each}_function_url_config")
    mend("_list_function_url_configs")
    addresses = urls()
    assert len(set(addresses)) == 1
    url_id = addresses[0].removeprefix(f"{ENDPOINT}/_aws/lambda-url/").rstrip("/")
    assert svc.resolve_function_url(url_id) is not None


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
