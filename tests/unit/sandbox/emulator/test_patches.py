"""Each patch: the unpatched emulator differs from AWS (else: delete the patch), the patched one does not."""

import asyncio
import base64
import importlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.emulator import ENDPOINT, apply, document, names, require_difference, unpatched

from sandbox.emulator import patches

cloudwatch: Any = importlib.import_module("ministack.services.cloudwatch")
logs: Any = importlib.import_module("ministack.services.cloudwatch_logs")
ecr: Any = importlib.import_module("ministack.services.ecr")
functions: Any = importlib.import_module("ministack.services.lambda_svc")
s3: Any = importlib.import_module("ministack.services.s3")

IMAGE = "127.0.0.1:4999/app@sha256:" + "a" * 64
OTHER_IMAGE = "127.0.0.1:4999/app@sha256:" + "b" * 64


@pytest.fixture(autouse=True)
def emulator() -> Iterator[None]:
    with unpatched():
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


def test_an_alarm_is_described_with_all_members_that_terraform_compares() -> None:
    name = alarm()
    require_difference("<Period>" not in described(name))
    apply(patches.alarms_in_full)
    text = described(name)
    assert "<Period>300</Period><EvaluationPeriods>1</EvaluationPeriods>" in text
    assert "<Threshold>1.5</Threshold>" in text
    assert "<Dimensions><member><Name>FunctionName</Name><Value>f</Value></member></Dimensions>" in text
    assert "<AlarmDescription>more than 1 &amp; &lt;less&gt; than 2</AlarmDescription>" in text
    assert "<ActionsEnabled>true</ActionsEnabled>" in text


def test_an_alarm_on_a_percentile_has_no_plain_statistic() -> None:
    name = alarm(ExtendedStatistic="p99")
    apply(patches.alarms_in_full)
    text = described(name)
    assert "<ExtendedStatistic>p99</ExtendedStatistic>" in text
    assert "<Statistic>" not in text


def test_the_registry_login_names_this_endpoint() -> None:
    def endpoint() -> str:
        return str(document(ecr._get_authorization_token({}))["authorizationData"][0]["proxyEndpoint"])

    require_difference(ENDPOINT not in endpoint())
    apply("_get_authorization_token")
    assert endpoint() == ENDPOINT


def pushed_to(name: str, account: str = "", password: str = "") -> int:
    """The status of a registry request for a repository, made without or with a password."""
    credentials = base64.b64encode(f"AWS:{password}".encode()).decode()
    headers = {"authorization": f"Basic {credentials}"} if password else {}

    async def request() -> int:
        ecr.set_request_account_id(account)
        path = f"/v2/{name}/blobs/uploads/"
        return int((await ecr.handle_registry_request("POST", path, headers, b"", {}))[0])

    return asyncio.run(request())


def test_a_registry_request_reaches_the_account_that_has_the_password_or_else_the_repository() -> None:
    name, both = next(names), next(names)
    tokens = {}
    apply("_get_authorization_token")
    for account in ("111111111111", "222222222222"):
        ecr.set_request_account_id(account)
        token = document(ecr._get_authorization_token({}))["authorizationData"][0]["authorizationToken"]
        tokens[account] = base64.b64decode(token).decode().removeprefix("AWS:")
        for repository in (name, both)[account.startswith("2") :]:
            document(ecr._create_repository({"repositoryName": repository}))
    ecr.set_request_account_id("000000000000")
    require_difference(pushed_to(name) == 404)
    apply(patches.one_registry_per_account)
    assert pushed_to(name) == pushed_to(name, password=tokens["111111111111"]) == 202
    assert pushed_to(name, password=tokens["222222222222"]) == 404
    assert pushed_to(both) == 404, "two accounts have the repository, so the account is unknown"
    assert pushed_to(both, password=tokens["222222222222"]) == 202
    assert pushed_to(name, password="of another kind") == 202


def test_a_missing_image_is_an_error() -> None:
    name = next(names)
    document(ecr._create_repository({"repositoryName": name}))
    question = {"repositoryName": name, "imageIds": [{"imageTag": "none"}]}
    require_difference(ecr._describe_images(question)[0] == 200)
    apply(patches.missing_images_are_errors)
    status, headers, _ = ecr._describe_images(question)
    assert (status, headers["x-amzn-ErrorType"]) == (400, "ImageNotFoundException")
    assert document(ecr._describe_images({"repositoryName": name}))["imageDetails"] == []


def test_the_events_of_a_log_are_those_of_the_streams_with_the_prefix() -> None:
    group = {"logGroupName": next(names)}
    document(logs._create_log_group(group))
    for stream in ("2026/[1]a", "2026/[2]b"):
        event = {"timestamp": int(time.time() * 1000), "message": f"of {stream}"}
        document(logs._create_log_stream({**group, "logStreamName": stream}))
        document(logs._put_log_events({**group, "logStreamName": stream, "logEvents": [event]}))

    def read(prefix: str) -> list[str]:
        answer = document(logs._filter_log_events({**group, "logStreamNamePrefix": prefix}))
        return [event["message"] for event in answer["events"]]

    require_difference(len(read("2026/[2]")) != 1)
    apply(patches.log_streams_by_prefix)
    assert read("2026/[2]") == ["of 2026/[2]b"]
    assert read("2025/") == []


def test_the_size_of_an_image_is_the_size_of_its_layers() -> None:
    name = next(names)
    manifest = json.dumps({"schemaVersion": 2, "layers": [{"size": 1000, "digest": "x"}, {"size": 234, "digest": "y"}]})
    document(ecr._create_repository({"repositoryName": name}))
    document(ecr._put_image({"repositoryName": name, "imageManifest": manifest, "imageTag": "1"}))

    def size() -> int:
        return int(document(ecr._describe_images({"repositoryName": name}))["imageDetails"][0]["imageSizeInBytes"])

    require_difference(size() != 1234)
    apply(patches.image_sizes_of_layers)
    assert size() == 1234


def function(**settings: Any) -> str:
    name = next(names)
    document(functions._create_function({"FunctionName": name, "Code": {"ImageUri": IMAGE}, **settings}))
    return name


def test_a_configuration_has_only_members_and_values_that_aws_has() -> None:
    def wrong() -> set[str]:
        name = function(PackageType="Image", Publish=True)
        code = document(functions._update_code(name, {"ImageUri": OTHER_IMAGE}))
        config = document(functions._update_config(name, {"Timeout": 9}))
        published = document(functions._publish_version(name, {}))
        read = document(functions._get_function(name))
        configurations = [
            code,
            config,
            published,
            read["Configuration"],
            document(functions._get_function_config(name)),
            *document(functions._list_versions(name, {}))["Versions"],
        ]
        assert read["Code"]["ImageUri"] == OTHER_IMAGE
        assert {made["PackageType"] for made in configurations} == {"Image"}
        enums = ("Runtime", "StateReasonCode", "LastUpdateStatusReasonCode")
        wrong_values = ("", OTHER_IMAGE, "Updating")
        return {name for made in configurations for name in ("ImageUri", *enums) if made.get(name) in wrong_values}

    require_difference({"ImageUri", "Runtime"} <= wrong())
    apply(patches.configurations_of_images)
    assert wrong() == set()


def test_a_url_that_was_only_created_has_no_time_of_a_change() -> None:
    def created() -> Any:
        return document(functions._create_function_url_config(function(), {}, None))

    require_difference("LastModifiedTime" in created())
    apply(patches.urls_created_once)
    assert "LastModifiedTime" not in created()
    assert "CreationTime" in created()


def test_the_code_sha_of_an_image_function_is_its_digest() -> None:
    def shas() -> list[str]:
        name = function()
        created = functions._functions[name]["config"]["CodeSha256"]
        return [created, document(functions._update_code(name, {"ImageUri": OTHER_IMAGE}))["CodeSha256"]]

    require_difference(shas() == ["", ""])
    apply(patches.image_code_sha_at_create)
    apply(patches.image_code_sha_at_update)
    assert shas() == ["a" * 64, "b" * 64]


def test_an_image_function_has_no_empty_runtime_or_reason() -> None:
    def empty() -> set[str]:
        updated = document(functions._update_code(function(), {"ImageUri": OTHER_IMAGE}))
        assert updated["PackageType"] == "Image"
        every = (updated, *document(functions._list_functions({}))["Functions"])
        return {name for each in every for name, value in each.items() if value in ("", {"RuntimeVersionArn": ""})}

    never = {"Runtime", "RuntimeVersionConfig", "LastUpdateStatusReasonCode"}
    require_difference(never <= empty())
    apply(patches.configurations_of_images)
    assert not never & empty()


def test_a_refused_update_leaves_the_code_sha_as_it_was() -> None:
    apply(patches.image_code_sha_at_create)
    apply(patches.image_code_sha_at_update)
    name = function()
    assert functions._update_code(name, {"ImageUri": OTHER_IMAGE, "RevisionId": "stale"})[0] == 412
    assert functions._functions[name]["config"]["CodeSha256"] == "a" * 64


def test_a_version_published_with_the_function_or_its_code_has_its_own_arn() -> None:
    def arns() -> list[str]:
        name = function(Publish=True)
        document(functions._update_code(name, {"ImageUri": OTHER_IMAGE, "Publish": True}))
        return [
            version["config"]["FunctionArn"].rpartition(":")[2]
            for version in functions._functions[name]["versions"].values()
        ]

    require_difference(arns() != ["1", "2"])
    apply(patches.version_arns)
    assert arns() == ["1", "2"]


def test_publish_version_without_a_change_returns_the_version_that_exists() -> None:
    def published() -> str:
        name = function(Publish=True)
        return str(document(functions._publish_version(name, {}))["Version"])

    require_difference(published() == "2")
    apply(patches.no_version_without_a_change)
    assert published() == "1"


def test_a_description_of_a_version_is_no_change_of_the_function() -> None:
    apply(patches.no_version_without_a_change)
    name = function()
    first = document(functions._publish_version(name, {"Description": "commit a"}))
    again = document(functions._publish_version(name, {"Description": "commit b"}))
    assert (first["Version"], first["Description"]) == ("1", "commit a")
    assert (again["Version"], again["Description"]) == ("1", "commit a")


def test_publish_version_takes_only_the_present_revision() -> None:
    def answered() -> int:
        return int(functions._publish_version(function(), {"RevisionId": "another"})[0])

    require_difference(answered() == 201)
    apply(patches.revisions_guard_versions)
    assert answered() == 412
    name = function()
    revision = functions._functions[name]["config"]["RevisionId"]
    assert functions._publish_version(name, {"RevisionId": revision})[0] == 201


def test_the_urls_of_a_function_go_with_it() -> None:
    def left() -> list[str]:
        name = function()
        functions._create_function_url_config(name, {"AuthType": "NONE"}, None)
        functions._delete_function(name, {})
        return [key for key in functions._function_urls if key.partition(":")[0] == name]

    require_difference(left() != [])
    apply(patches.urls_deleted_with_functions)
    assert left() == []


def test_publish_version_after_a_change_makes_a_version() -> None:
    apply(patches.image_code_sha_at_create)
    apply(patches.image_code_sha_at_update)
    apply(patches.no_version_without_a_change)
    name = function(Publish=True)
    document(functions._update_code(name, {"ImageUri": OTHER_IMAGE}))
    assert document(functions._publish_version(name, {}))["Version"] == "2"
    document(functions._update_config(name, {"Environment": {"Variables": {"A": "1"}}}))
    assert document(functions._publish_version(name, {}))["Version"] == "3"


def test_two_versions_of_one_image_do_not_share_containers() -> None:
    config = functions._functions[function()]["config"]

    def keys() -> set[str]:
        return {functions._warm_pool_key("f", {**config, "Version": version}) for version in ("1", "2")}

    require_difference(len(keys()) == 1)
    apply(patches.containers_by_version)
    assert len(keys()) == 2


def test_an_update_of_latest_leaves_the_containers_of_versions_running() -> None:
    def remaining(name: str) -> list[str]:
        config = functions._functions[name]["config"]
        account = functions._account_from_arn(config["FunctionArn"])
        for version in ("$LATEST", "1"):
            entry = {"container": None, "tmpdir": None, "in_use": True, "last_used": time.time()}
            functions._warm_pool[functions._warm_pool_key(name, {**config, "Version": version})] = [entry]
        functions._pool_kill_function(account, name)
        keys = [key for key in functions._warm_pool if f":{name}:" in key]
        for key in keys:
            functions._warm_pool.pop(key)
        return [key.rpartition(":")[2] for key in keys]

    apply(patches.containers_by_version)
    require_difference(remaining(function()) == [])
    apply(patches.updates_leave_versions_running)
    assert remaining(function()) == ["1"]


def test_a_deleted_function_has_no_container() -> None:
    apply(patches.containers_by_version)
    apply(patches.updates_leave_versions_running)
    name = function()
    functions._warm_pool[functions._warm_pool_key(name, {**functions._functions[name]["config"], "Version": "1"})] = []
    functions._delete_function(name, {})
    assert not [key for key in functions._warm_pool if f":{name}:" in key]


def test_every_answer_with_a_function_url_has_the_address_that_works_on_this_machine() -> None:
    def urls() -> list[str]:
        name = function()
        created = document(functions._create_function_url_config(name, {}, None))["FunctionUrl"]
        read = document(functions._get_function_url_config(name, None))["FunctionUrl"]
        updated = document(functions._update_function_url_config(name, {"InvokeMode": "RESPONSE_STREAM"}, None))[
            "FunctionUrl"
        ]
        listed = document(functions._list_function_url_configs(name, {}))["FunctionUrlConfigs"][0]["FunctionUrl"]
        return [created, read, updated, listed]

    require_difference(not urls()[0].startswith(ENDPOINT))
    for each in ("create", "get", "update"):
        apply(f"_{each}_function_url_config")
    apply("_list_function_url_configs")
    addresses = urls()
    assert len(set(addresses)) == 1
    url_id = addresses[0].removeprefix(f"{ENDPOINT}/_aws/lambda-url/").rstrip("/")
    assert functions.resolve_function_url(url_id) is not None


def seconds_to_answer(app: patches.App, method: str, path: str) -> float:
    """The quickest of twenty answers, so that a busy machine does not change the result."""
    scope = {"type": "http", "method": method, "path": path, "headers": [(b"x-amz-target", b"X.DescribeRegistry")]}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def request() -> float:
        began = time.perf_counter()
        started: list[float] = []

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                started.append(time.perf_counter() - began)

        await app(scope, receive, send)
        return started[0]

    async def quickest() -> float:
        return min([await request() for _ in range(20)])

    return asyncio.run(quickest())


def test_answers_to_changes_are_delayed_and_answers_to_reads_are_not() -> None:
    upstream = importlib.import_module("ministack.app").app
    require_difference(seconds_to_answer(upstream, "POST", "/") < patches.ANSWER_DELAY)
    patched = patches.changes_answered_late(upstream)
    assert seconds_to_answer(patched, "POST", "/") >= patches.ANSWER_DELAY
    assert seconds_to_answer(patched, "GET", "/_ministack/health") < patches.ANSWER_DELAY


def test_a_bucket_of_another_account_than_the_expected_one_is_refused() -> None:
    def status(expected: str) -> int:
        headers = {"x-amz-expected-bucket-owner": expected} if expected else {}
        return int(asyncio.run(s3.handle_request("HEAD", f"/{name}", headers, b"", {}))[0])

    name = next(names)
    assert asyncio.run(s3.handle_request("PUT", f"/{name}", {}, b"", {}))[0] == 200
    owner = s3._bucket_owner_account(name)
    require_difference(status("9" * 12) == 200)
    apply(patches.buckets_of_the_expected_owner)
    assert [status(expected) for expected in ("", owner, "9" * 12)] == [200, 200, 403]
