"""One engine, one AWS emulator and one function for the tests of this folder."""

import json
from collections.abc import Iterator

import pytest
from support.deploys.provisions import provide
from support.local_cloud import BUCKET, INVOKE, URL, Function, LocalCloud, create, permit, push, with_url

from sandbox.base_image import images
from sandbox.emulator import cloud
from sandbox.engine import choice
from sandbox.layout import Layout


@pytest.fixture(scope="package")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    layout = Layout.of(tmp_path_factory.mktemp("cloud"))
    provide(layout.root)
    layout.home.mkdir(exist_ok=True)
    try:
        docker = choice.start(layout, print)
        images.ensure(layout, docker, "python:3.13-slim", print)
        running = cloud.start(layout, docker, print)
        yield LocalCloud(layout, docker, running, push(docker, running))
    finally:
        cloud.stop(layout)
        choice.stop(layout, print)


@pytest.fixture(scope="package")
def function(local: LocalCloud) -> Function:
    create(local, "streams")
    api = local.aws("lambda")
    api.update_function_configuration(FunctionName="streams", Environment={"Variables": {"RELEASE": "two"}})
    api.publish_version(FunctionName="streams")
    local.aws("s3").create_bucket(Bucket=BUCKET)
    reading = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [reading]})
    local.aws("s3").delete_public_access_block(Bucket=BUCKET)
    local.aws("s3").put_bucket_policy(Bucket=BUCKET, Policy=policy)
    return with_url(local, "streams", "live")


@pytest.fixture(scope="package")
def public(local: LocalCloud, function: Function) -> Function:
    """The function, with permission for every caller to use its URL."""
    for action in (URL, INVOKE):
        permit(local, function, *action)
    return function
