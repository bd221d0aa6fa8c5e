"""The mends of Lambda: what a version is, which container serves it, where its URL answers. See `mends`."""

import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

from sandbox.emulator.patches import Answer, Mend, rewritten

_VOLATILE = re.compile(r"RevisionId|LastModified|Version|FunctionArn|State.*|LastUpdateStatus.*")
"""What differs between $LATEST and a version of it although neither code nor configuration changed."""


def code_sha_of(image_uri: str) -> str:
    """What Lambda reports as an image's CodeSha256: the hex part of its digest; "" when deployed by tag."""
    return image_uri.rpartition("@sha256:")[2] if "@sha256:" in image_uri else ""


def image_code_sha_at_create(_: ModuleType, upstream: Callable[..., Any]) -> Callable[..., Any]:
    """CodeSha256 of an image function is empty, so nobody can tell one image from another."""

    def build(name: str, data: Any, code_zip: bytes | None = None) -> Any:
        config = upstream(name, data, code_zip)
        image = data.get("Code", {}).get("ImageUri")
        return {**config, "CodeSha256": code_sha_of(image)} if image else config

    return build


def image_code_sha_at_update(svc: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """As above, for UpdateFunctionCode. Set before: the answer and a published version are copies."""

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


def versions_named_in_their_arn(svc: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """A version published together with the function or its code carries the unqualified ARN."""

    def publish(*args: Any) -> Answer:
        answer = upstream(*args)
        name = args[0]["FunctionName"] if isinstance(args[0], dict) else args[0]
        if answer[0] < 300 and args[-1].get("Publish"):
            for number, version in svc._functions[name]["versions"].items():
                version["config"]["FunctionArn"] = f"{svc._func_arn(name)}:{number}"
        return answer

    return publish


def nothing_published_twice(svc: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """PublishVersion goes by the revision, so one right after a create or a no-op update makes a new version.

    AWS: "Lambda doesn't publish a version if the function's configuration and code haven't changed since
    the last version" (https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html).
    """

    def publish(name: str, data: Any) -> Answer:
        function = svc._functions.get(name, {"versions": {}})
        latest = max(function["versions"], key=int, default=None)
        if latest and _lasting(function["versions"][latest]["config"]) == _lasting(function["config"]):
            function["versions"][latest]["function_revision"] = function["config"].get("RevisionId")
        return upstream(name, data)

    return publish


def _lasting(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if not _VOLATILE.fullmatch(key)}


def containers_by_version(_: ModuleType, upstream: Callable[..., str]) -> Callable[..., str]:
    """Containers are shared by image alone, so a version could be served with another one's environment."""

    def key(name: str, config: dict[str, Any]) -> str:
        return f"{upstream(name, config)}:{config.get('Version', '$LATEST')}"

    return key


def updates_spare_versions(svc: ModuleType, upstream: Callable[..., None]) -> Callable[..., None]:
    """An update of $LATEST kills the containers of every version: the live streams of the old one break."""

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
    """Of a key that `containers_by_version` made: account:region:name:kind:image:version."""
    owner, _, function, *_ = key.split(":")
    return (owner, function) == (account, name) and key.endswith(":$LATEST")


def urls_that_work(endpoint: str) -> Callable[[ModuleType, Callable[..., Answer]], Callable[..., Answer]]:
    """FunctionUrl is an address on on.aws; whoever reads it here wants one that answers on this machine.

    Only answers change: the emulator finds a function by the stored address.
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


def mends(endpoint: str) -> tuple[Mend, ...]:
    """The mends of Lambda, for an emulator at `endpoint` (http://host:port)."""
    about_urls = ("create_function_url_config", "get_function_url_config", "update_function_url_config")
    return (
        Mend("lambda_svc", "_build_config", image_code_sha_at_create),
        Mend("lambda_svc", "_update_code", image_code_sha_at_update),
        Mend("lambda_svc", "_create_function", versions_named_in_their_arn),
        Mend("lambda_svc", "_update_code", versions_named_in_their_arn),
        Mend("lambda_svc", "_publish_version", nothing_published_twice),
        Mend("lambda_svc", "_warm_pool_key", containers_by_version),
        Mend("lambda_svc", "_pool_kill_function", updates_spare_versions),
        *(Mend("lambda_svc", f"_{name}", urls_that_work(endpoint)) for name in about_urls),
        Mend("lambda_svc", "_list_function_url_configs", urls_that_work(endpoint)),
    )
