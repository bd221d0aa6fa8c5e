"""Every change to the emulator, each with its reason: where MiniStack differs from AWS and a deploy would fail.

A patch wraps one function of MiniStack, or the whole application. It becomes unnecessary when MiniStack itself
behaves like AWS. Each patch that changes an answer has a unit test that first shows the difference in the unpatched
emulator; the test fails once upstream has removed the difference, and then the patch is deleted. The patches of
invocations have the tests of tests/integration/cloud, which must pass without them.
Written for MiniStack 1.5.33.
"""

import asyncio
import base64
import contextlib
import importlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from xml.sax.saxutils import escape, unescape

from sandbox.emulator import (
    access,
    artifacts,
    buffered,
    configuration,
    containers,
    function_url,
    image_scans,
    response_stream,
)

Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Any, Send], Awaitable[None]]
"""An ASGI application."""

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers and body, as the emulator's handlers return them."""

ANSWER_DELAY = 0.005
"""Seconds by which `changes_answered_late` delays an answer."""


@dataclass(frozen=True)
class Patch:
    """One function of the emulator, and the wrapper that replaces it.

    `service`: the module of a service, such as "ecr", or a module outside the services, such as "core.iam_actions" or
    "app".
    """

    service: str
    function: str
    wrap: Callable[[ModuleType, Callable[..., Any]], Callable[..., Any]]

    @property
    def module(self) -> ModuleType:
        """The service's module. The import reads the emulator's settings from the environment."""
        package = "ministack" if "." in self.service or self.service == "app" else "ministack.services"
        return importlib.import_module(f"{package}.{self.service}")

    def apply(self) -> None:
        """Replace the function in its module, where the emulator looks it up at every request."""
        module = self.module
        setattr(module, self.function, self.wrap(module, getattr(module, self.function)))


def rewritten(answer: Answer, change: Callable[[Any], None]) -> Answer:
    """A successful JSON answer whose document `change` has changed; a failure is returned as it is."""
    status, headers, body = answer
    if status >= 300:
        return answer
    document = json.loads(body)
    change(document)
    return status, headers, json.dumps(document).encode()


def refused(status: int, kind: str, message: str) -> Answer:
    """An error in AWS's JSON protocols; SDKs read its type from the header or from the body."""
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": kind}
    return status, headers, json.dumps({"__type": kind, "message": message}).encode()


# CloudWatch and ECR


def log_streams_by_prefix(service: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """FilterLogEvents ignores logStreamNamePrefix, and returns the events of every stream.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
    """

    def read(data: Any) -> Answer:
        prefix, group = data.get("logStreamNamePrefix"), service._resolve_log_group_name(data)
        if prefix and group in service._log_groups:
            named = [name for name in service._log_groups[group]["streams"] if name.startswith(prefix)]
            data = {**data, "logStreamNames": named or [""]}  # upstream takes an empty list for every stream
        return upstream(data)

    return read


def alarms_in_full(cloudwatch: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """DescribeAlarms in XML omits the period, the dimensions and more, so Terraform would change every alarm again."""

    def in_full(listed: re.Match[str]) -> str:
        names = map(unescape, re.findall("<AlarmName>([^<]*)", listed[0]))
        alarms = (cloudwatch._alarms[name] for name in names)
        # An alarm has one of the two; upstream adds a plain statistic to an alarm on a percentile.
        shown = ({**alarm, "Statistic": None} if alarm.get("ExtendedStatistic") else alarm for alarm in alarms)
        return "".join(f"<member>{_xml(alarm)}</member>" for alarm in shown)

    def describe(params: Any, cbor: Any, is_cbor: bool, is_json: bool = False) -> Answer:
        status, headers, body = upstream(params, cbor, is_cbor, is_json)
        if is_cbor or is_json or status != 200:
            return status, headers, body
        text = re.sub(r"(?<=<MetricAlarms>).*(?=</MetricAlarms>)", in_full, body.decode(), flags=re.DOTALL)
        return status, headers, text.encode()

    return describe


def _xml(members: Mapping[str, Any]) -> str:
    """An alarm in AWS's Query protocol, without its times, which Terraform does not compare."""
    return "".join(
        f"<{name}>{_xml_value(value)}</{name}>"
        for name, value in members.items()
        if value not in (None, "") and not name.endswith("Timestamp")
    )


def _xml_value(value: Any) -> str:
    if isinstance(value, list):
        return "".join(f"<member>{_xml_value(item)}</member>" for item in value)
    if isinstance(value, dict):
        return _xml(value)
    return str(value).lower() if isinstance(value, bool) else escape(str(value))


def registry_login(endpoint: str) -> Callable[[ModuleType, Callable[..., Answer]], Callable[..., Answer]]:
    """GetAuthorizationToken names a registry on amazonaws.com; the registry here is this endpoint.

    As on ECR, each account has its own password: see `one_registry_per_account`.
    """

    def wrap(ecr: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
        def token(data: Any) -> Answer:
            def here(document: Any) -> None:
                for entry in document["authorizationData"]:
                    entry["proxyEndpoint"] = endpoint
                    password = f"AWS:{ecr.get_account_id()}-token"
                    entry["authorizationToken"] = base64.b64encode(password.encode()).decode()

            return rewritten(upstream(data), here)

        return token

    return wrap


def one_registry_per_account(ecr: ModuleType, upstream: Callable[..., None]) -> Callable[..., None]:
    """Registry requests carry no signature, and upstream uses the default account for all of them.

    ECR takes the account from the password. An engine that was not asked for a password sends none; then the
    account is the one that has a repository of that name, if only one has it.
    """

    def select(name: str | None, headers: Mapping[str, str], query: Any) -> None:
        upstream(name, headers, query)
        if sender := _account(headers.get("authorization", "")):
            ecr.set_request_account_id(sender)
        elif name not in ecr._repositories:
            repositories = (key for key, _ in ecr._repositories.all_items())
            owners = [(account, region) for account, region, repository in repositories if repository == name]
            if len(owners) == 1:
                ecr.set_request_account_id(owners[0][0])
                ecr.set_request_region(owners[0][1])

    return select


def _account(authorization: str) -> str:
    """The account that has this password; "" for any other password."""
    kind, _, credentials = authorization.partition(" ")
    if kind.lower() != "basic":
        return ""
    with contextlib.suppress(ValueError):
        match = re.fullmatch(r"AWS:(\d{12})-token", base64.b64decode(credentials).decode())
        return match[1] if match else ""
    return ""


def missing_images_are_errors(ecr: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """DescribeImages answers with an empty list when an image is missing; ECR with ImageNotFoundException.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html
    """

    def describe(data: Any) -> Answer:
        name = data.get("repositoryName", "")
        for image_id in data.get("imageIds") or [] if name in ecr._repositories else []:
            if ecr._find_image(name, image_id) is None:
                shown = ", ".join(f"{key}:'{value}'" for key, value in sorted(image_id.items()))
                message = f"The image with imageId {{{shown}}} does not exist within the repository '{name}'"
                return refused(400, "ImageNotFoundException", message)
        return upstream(data)

    return describe


def image_sizes_of_layers(ecr: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """DescribeImages gives the size of the manifest; ECR gives the size of the compressed layers."""

    def describe(data: Any) -> Answer:
        def measured(document: Any) -> None:
            for detail in document["imageDetails"]:
                image = ecr._find_image(data["repositoryName"], {"imageDigest": detail["imageDigest"]})
                layers = json.loads(image.get("imageManifest") or "{}").get("layers", [])
                if layers:
                    detail["imageSizeInBytes"] = sum(layer["size"] for layer in layers)

        return rewritten(upstream(data), measured)

    return describe


# Lambda

_VOLATILE = re.compile(r"RevisionId|LastModified|Version|FunctionArn|State.*|LastUpdateStatus.*")
"""The members that differ between $LATEST and its newest version although nothing was changed."""
_PUBLISHED_FROM = "published_from"
"""Our entry in a version: what was compared of the function when it was published, whose description may be another."""


def code_sha_of(image_uri: str) -> str:
    """Lambda's CodeSha256 of an image: the hex part of its digest; "" when it was deployed by tag."""
    return image_uri.rpartition("@sha256:")[2] if "@sha256:" in image_uri else ""


_ABSENT: dict[str, list[object]] = {
    "LastUpdateStatusReason": [""],
    "LastUpdateStatusReasonCode": [""],
    "Runtime": [""],
    "RuntimeVersionConfig": [{"RuntimeVersionArn": ""}],
    "StateReason": [""],
    "StateReasonCode": ["", "Updating"],
}
"""Members of a configuration => what they are where AWS leaves them out; it is none of their values."""


def configurations_of_images(_: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """A configuration has the member ImageUri, which AWS gives in Code only, and values that AWS does not have.

    https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
    """

    def clean(document: Any) -> None:
        listed = (*document.get("Versions", ()), *document.get("Functions", ()))
        for config in (document, document.get("Configuration", {}), *listed):
            config.pop("ImageUri", None)
            for name, values in _ABSENT.items():
                if config.get(name) in values:
                    del config[name]

    return lambda *args: rewritten(upstream(*args), clean)


def urls_created_once(_: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """The answer of CreateFunctionUrlConfig has LastModifiedTime, which AWS gives only later.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html
    """
    return lambda *args: rewritten(upstream(*args), lambda document: document.pop("LastModifiedTime", None))


def urls_deleted_with_functions(svc: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """DeleteFunction leaves the URLs of the function; on AWS, a function with the same name later has none."""

    def delete(name: str, *rest: Any) -> Answer:
        answer = upstream(name, *rest)
        if name not in svc._functions:
            for key in [key for key in svc._function_urls if key.partition(":")[0] == name]:
                del svc._function_urls[key]
        return answer

    return delete


def image_code_sha_at_create(_: ModuleType, upstream: Callable[..., Any]) -> Callable[..., Any]:
    """CodeSha256 of an image function is empty, so two different images cannot be distinguished."""

    def build(name: str, data: Any, code_zip: bytes | None = None) -> Any:
        config = upstream(name, data, code_zip)
        image = data.get("Code", {}).get("ImageUri")
        return {**config, "CodeSha256": code_sha_of(image)} if image else config

    return build


def image_code_sha_at_update(svc: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """The same for UpdateFunctionCode. Set before the call, because its answer and a published version are copies."""

    def update(name: str, data: Any) -> Answer:
        config = svc._functions[name]["config"] if name in svc._functions else {}
        before = config.get("CodeSha256")
        if "ImageUri" in data:
            config["CodeSha256"] = code_sha_of(data["ImageUri"])
        answer = upstream(name, data)
        if answer[0] != 200:
            config["CodeSha256"] = before
        return answer

    return update


def version_arns(svc: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """A version that is published together with the function or its code has the ARN without its number."""

    def publish(*args: Any) -> Answer:
        answer = upstream(*args)
        name = args[0]["FunctionName"] if isinstance(args[0], dict) else args[0]
        if answer[0] < 300 and args[-1].get("Publish"):
            for number, version in svc._functions[name]["versions"].items():
                version["config"]["FunctionArn"] = f"{svc._func_arn(name)}:{number}"
        return answer

    return publish


def no_version_without_a_change(svc: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """PublishVersion compares revisions, so a call after a create or an update without changes makes a version.

    AWS: "Lambda doesn't publish a version if the function's configuration and code haven't changed since
    the last version" (https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html).
    """

    def publish(name: str, data: Any) -> Answer:
        if name not in svc._functions:
            return upstream(name, data)
        function = svc._functions[name]
        versions, before = function["versions"], _compared(function["config"])
        latest = max(versions, key=int, default=None)
        if latest and versions[latest].get(_PUBLISHED_FROM, _compared(versions[latest]["config"])) == before:
            versions[latest]["function_revision"] = function["config"].get("RevisionId")
        answer = upstream(name, data)
        versions[max(versions, key=int)].setdefault(_PUBLISHED_FROM, before)
        return answer

    return publish


def revisions_guard_versions(svc: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """PublishVersion ignores RevisionId. AWS publishes only if the function still has that revision.

    https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html
    """

    def publish(name: str, data: Any) -> Answer:
        function = svc._functions.get(name, {"config": data})
        refusal: Answer | None = svc._check_revision(function["config"], data)
        return refusal or upstream(name, data)

    return publish


def _compared(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if not _VOLATILE.fullmatch(key)}


def tags_for_those_who_may_list_them(svc: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """GetFunction gives everyone the tags; AWS only those who may lambda:ListTags.

    https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html, `Tags` and `TagsError`
    """

    def get(name: str, qualifier: str | None = None) -> Answer:
        def without(document: Any) -> None:
            if reason := access.refusal("lambda:ListTags", svc._func_arn(name)):
                del document["Tags"]
                document["TagsError"] = {"ErrorCode": "AccessDeniedException", "Message": reason}

        return rewritten(upstream(name, qualifier), without)

    return get


def roles_passed_by_permission(_: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """Upstream lets every caller give a function any role. AWS requires iam:PassRole for that role.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """

    def change(*args: Any) -> Answer:
        role = args[-1].get("Role", "")
        service = {"iam:PassedToService": "lambda.amazonaws.com"}
        reason = access.refusal("iam:PassRole", role, service) if role else ""
        return refused(403, "AccessDeniedException", reason) if reason else upstream(*args)

    return change


def containers_by_version(_: ModuleType, upstream: Callable[..., str]) -> Callable[..., str]:
    """Versions with the same image share containers, so one could run with the environment of another."""

    def key(name: str, config: dict[str, Any]) -> str:
        return f"{upstream(name, config)}:{config.get('Version', '$LATEST')}"

    return key


def updates_leave_versions_running(svc: ModuleType, upstream: Callable[..., None]) -> Callable[..., None]:
    """An update of $LATEST kills the containers of all versions, which breaks the live streams of older versions."""

    def kill(account: str, name: str) -> None:
        if name not in svc._functions:
            upstream(account, name)
            return
        with svc._warm_pool_lock:
            latest = [key for key in svc._warm_pool if _serves_latest(key, account, name)]
            entries = [entry for key in latest for entry in svc._warm_pool.pop(key)]
        for entry in entries:
            svc._kill_pool_entry(entry)

    return kill


def _serves_latest(key: str, account: str, name: str) -> bool:
    """Whether a key of `containers_by_version` (account:region:name:kind:image:version) is that of $LATEST."""
    container_account, _, function, *_ = key.split(":")
    return (container_account, function) == (account, name) and key.endswith(":$LATEST")


def function_urls(endpoint: str) -> Callable[[ModuleType, Callable[..., Answer]], Callable[..., Answer]]:
    """FunctionUrl is an address on on.aws; the answers give the address that works on this machine.

    The stored address stays: the emulator finds the function by it.
    """

    def wrap(svc: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
        def here(document: Any) -> None:
            for config in document.get("FunctionUrlConfigs", [document]):
                url_id = svc._function_url_id(config["FunctionUrl"])
                config["FunctionUrl"] = f"{endpoint}/_aws/lambda-url/{url_id}/"

        def answer(*args: Any) -> Answer:
            response = upstream(*args)
            return response if response[0] == 204 else rewritten(response, here)

        return answer

    return wrap


# S3


def buckets_of_the_expected_owner(s3: ModuleType, upstream: Callable[..., Answer | None]) -> Callable[..., Any]:
    """Upstream ignores x-amz-expected-bucket-owner; S3 answers 403 when another account owns the bucket.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
    """

    def scope(method: str, bucket: str, key: str, headers: Mapping[str, str], *rest: Any, **named: Any) -> Any:
        expected = headers.get("x-amz-expected-bucket-owner")
        owner = s3._bucket_owner_account(bucket) if bucket and expected else None
        if owner and owner != expected:
            return s3._error("AccessDenied", "Access Denied", 403, f"/{bucket}/{key}" if key else f"/{bucket}")
        return upstream(method, bucket, key, headers, *rest, **named)

    return scope


# The application


def owner_named(app: App, home: str) -> App:
    """The health route names the emulator's checkout: of two that start at once, both may probe the same port.

    Necessary as long as an emulator has no name of its own that a caller can choose.
    """
    header = (configuration.OWNER.encode(), configuration.owner(home).encode())

    async def serve_one(scope: Any, receive: Any, send: Send) -> None:
        async def send_with_owner(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), header]}
            await send(message)

        is_health = scope["type"] == "http" and scope["path"] == configuration.HEALTH
        await app(scope, receive, send_with_owner if is_health else send)

    return serve_one


def changes_answered_late(app: App) -> App:
    """Answers to changes of the control plane are delayed by 5 ms.

    When an answer came within a millisecond, Terraform's AWS provider sent about one create in a hundred twice and
    failed with "already exists"; with the delay, none in 195 runs. Reads, images and streams are not delayed.
    Necessary until the provider no longer repeats such a request.
    """

    async def serve_one(scope: Any, receive: Any, send: Send) -> None:
        changing = scope["type"] == "http" and scope["method"] in {"POST", "PUT", "PATCH"}
        delayed = changing and not scope["path"].startswith(("/v2/", "/_"))

        async def send_late(message: Any) -> None:
            if delayed and message["type"] == "http.response.start":
                await asyncio.sleep(ANSWER_DELAY)
            await send(message)

        await app(scope, receive, send_late)

    return serve_one


def every(endpoint: str) -> tuple[Patch, ...]:
    """The patches of functions, for an emulator at `endpoint` (http://host:port), in the order to apply them."""
    return (
        Patch("core.iam_evaluator", "_resolve_condition_key", access.requests_over_tls),
        Patch("core.iam_evaluator", "_resolve_condition_key", access.principals_of_roles),
        Patch("core.iam_actions", "extract_iam_action", access.actions_of_lambda),
        Patch("core.iam_actions", "extract_resource_arn", access.resources_in_full),
        Patch("core.iam_actions", "request_tag_context", access.boundary_of_a_role),
        Patch("sts", "_web_identity_principal", access.claims_of_github),
        Patch("cloudwatch", "_describe_alarms", alarms_in_full),
        Patch("cloudwatch_logs", "_filter_log_events", log_streams_by_prefix),
        Patch("ecr", "_get_authorization_token", registry_login(endpoint)),
        Patch("ecr", "_select_registry_request_scope", one_registry_per_account),
        *_of_artifacts(),
        Patch("ecr", "_describe_images", image_sizes_of_layers),
        Patch("ecr", "_describe_images", missing_images_are_errors),
        Patch("ecr", "handle_request", image_scans.findings),
        Patch("s3", "_apply_bucket_scope", buckets_of_the_expected_owner),
        *_of_functions(endpoint),
        *_of_invocations(),
    )


def _of_artifacts() -> tuple[Patch, ...]:
    return (
        Patch("ecr", "handle_request", artifacts.listed),
        Patch("ecr", "handle_registry_request", artifacts.served),
        Patch("ecr", "_v2_put_manifest", artifacts.after_their_subject),
        Patch("app", "_is_ecr_registry_path", artifacts.path_of_the_registry),
        Patch("core.iam_actions", "extract_iam_action", artifacts.action_of_the_list),
    )


def _of_functions(endpoint: str) -> tuple[Patch, ...]:
    reading = ("get_function", "get_function_config", "list_functions", "list_versions")
    configured = ("create_function", "publish_version", *reading, "update_code", "update_config")
    url_calls = ("create_function_url_config", "get_function_url_config", "update_function_url_config")
    return (
        Patch("lambda_svc", "_build_config", image_code_sha_at_create),
        Patch("lambda_svc", "_update_code", image_code_sha_at_update),
        Patch("lambda_svc", "_create_function", version_arns),
        Patch("lambda_svc", "_update_code", version_arns),
        Patch("lambda_svc", "_create_function", roles_passed_by_permission),
        Patch("lambda_svc", "_update_config", roles_passed_by_permission),
        Patch("lambda_svc", "_publish_version", no_version_without_a_change),
        Patch("lambda_svc", "_publish_version", revisions_guard_versions),
        Patch("lambda_svc", "_get_function", tags_for_those_who_may_list_them),
        *(Patch("lambda_svc", f"_{name}", function_urls(endpoint)) for name in url_calls),
        Patch("lambda_svc", "_list_function_url_configs", function_urls(endpoint)),
        *(Patch("lambda_svc", f"_{name}", configurations_of_images) for name in configured),
        Patch("lambda_svc", "_create_function_url_config", urls_created_once),
        Patch("lambda_svc", "_delete_function", urls_deleted_with_functions),
    )


def _of_invocations() -> tuple[Patch, ...]:
    """Upstream posts an event to port 8080 of a container, and collects the answer before it sends the first byte."""
    return (
        Patch("lambda_svc", "_warm_pool_key", containers_by_version),
        Patch("lambda_svc", "_pool_kill_function", updates_leave_versions_running),
        Patch("lambda_svc", "_kill_pool_entry", containers.removed_at_once),
        Patch("lambda_svc", "_emit_lambda_metrics", containers.counted_once),
        Patch("lambda_svc", "_execute_function", buffered.executed),
        Patch("lambda_svc", "_invoke", buffered.called),
        Patch("lambda_svc", "handle_function_url_request", function_url.streaming),
        Patch("lambda_svc", "_invoke_with_response_stream", response_stream.streaming),
        Patch("lambda_svc", "_invoke_with_response_stream", buffered.called),
    )


def patched(home: str, endpoint: str) -> App:
    """The emulator's application with all patches; call once, before it serves.

    Args:
        home: the checkout's sandbox folder, which the health route names.
        endpoint: http://host:port, for the addresses in the emulator's answers.
    """
    for patch in every(endpoint):
        patch.apply()
    return owner_named(changes_answered_late(importlib.import_module("ministack.app").app), home)
