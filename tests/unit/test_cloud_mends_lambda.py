"""Each mend of Lambda: that the gap is still there upstream (else: delete the mend), and that it is closed."""

import importlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cloud_gaps import ENDPOINT, document, gap, mend, names, unmended

from sandbox.emulator import patches_lambda

IMAGE = "127.0.0.1:4999/app@sha256:" + "a" * 64
OTHER_IMAGE = "127.0.0.1:4999/app@sha256:" + "b" * 64

svc: Any = importlib.import_module("ministack.services.lambda_svc")


@pytest.fixture(autouse=True)
def emulator() -> Iterator[None]:
    with unmended():
        yield


def function(**settings: Any) -> str:
    name = next(names)
    document(svc._create_function({"FunctionName": name, "Code": {"ImageUri": IMAGE}, **settings}))
    return name


def test_the_code_sha_of_an_image_function_is_its_digest() -> None:
    def shas() -> list[str]:
        name = function()
        created = svc._functions[name]["config"]["CodeSha256"]
        return [created, document(svc._update_code(name, {"ImageUri": OTHER_IMAGE}))["CodeSha256"]]

    gap(shas() == ["", ""])
    mend(patches_lambda.image_code_sha_at_create)
    mend(patches_lambda.image_code_sha_at_update)
    assert shas() == ["a" * 64, "b" * 64]


def test_a_refused_update_leaves_the_code_sha_as_it_was() -> None:
    mend(patches_lambda.image_code_sha_at_create)
    mend(patches_lambda.image_code_sha_at_update)
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
    mend(patches_lambda.versions_named_in_their_arn)
    assert arns() == ["1", "2"]


def test_publishing_without_a_change_gives_the_version_that_is_there() -> None:
    def published() -> str:
        name = function(Publish=True)
        return str(document(svc._publish_version(name, {}))["Version"])

    gap(published() == "2")
    mend(patches_lambda.nothing_published_twice)
    assert published() == "1"


def test_publishing_after_a_change_makes_a_version() -> None:
    mend(patches_lambda.image_code_sha_at_create)
    mend(patches_lambda.image_code_sha_at_update)
    mend(patches_lambda.nothing_published_twice)
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
    mend(patches_lambda.containers_by_version)
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

    mend(patches_lambda.containers_by_version)
    gap(left(function()) == [])
    mend(patches_lambda.updates_spare_versions)
    assert left(function()) == ["1"]


def test_a_deleted_function_keeps_no_container() -> None:
    mend(patches_lambda.containers_by_version)
    mend(patches_lambda.updates_spare_versions)
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
