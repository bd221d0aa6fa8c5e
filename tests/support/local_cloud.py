"""An emulator with a function on it, and the calls that tests make to both."""

import base64
import contextlib
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from sandbox.emulator import cloud, configuration
from sandbox.engine.client import Engine
from sandbox.layout import Layout

FUNCTION = Path(__file__).parents[1] / "integration/cloud/function"
HANDLER = FUNCTION.parent / "handler"
REPOSITORY = "test-streams"
BUCKET = "signals"
URL: tuple[str, dict[str, Any]] = ("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"})
INVOKE: tuple[str, dict[str, Any]] = ("lambda:InvokeFunction", {"InvokedViaFunctionUrl": True})


@dataclass(frozen=True)
class LocalCloud:
    """A sandbox for tests, with the function's image pushed to its registry."""

    layout: Layout
    engine: Engine
    cloud: cloud.Cloud
    image: str

    def aws(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.cloud.endpoint,
            region_name=configuration.REGION,
            aws_access_key_id=configuration.ACCOUNT,
            aws_secret_access_key="none",
        )

    def function_containers(self) -> set[str]:
        settings = configuration.remembered(self.layout)
        label = configuration.label(self.layout, settings) if settings else "none"
        return set(self.engine.docker("ps", "--all", "--quiet", "--filter", f"label={label}").split())


@dataclass(frozen=True)
class Function:
    """A function with two versions of one image; the alias points to the first, the URL to the alias."""

    name: str
    alias: str
    url: str


def push(docker: Engine, running: cloud.Cloud, folder: Path = FUNCTION, repository: str = REPOSITORY) -> str:
    """Build the image in that folder and push it with docker; returns its name with its digest."""
    name = f"{running.registry}/{repository}"
    ecr = LocalCloud(Layout.of(folder), docker, running, "").aws("ecr")
    ecr.create_repository(repositoryName=repository)
    login = ecr.get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(login["authorizationToken"]).decode().partition(":")
    docker.docker("login", "--username", user, "--password", password, login["proxyEndpoint"])
    build = ["--platform", "linux/amd64", "--provenance", "false", "--tag", f"{name}:1"]
    build += ["--network", docker.variables["BUILD_NETWORK"]]
    if authorities := docker.variables["CA_BUNDLE"]:
        build += ["--secret", f"id=ca,src={authorities}"]
    docker.docker("buildx", "build", *build, "--push", str(folder), timeout=120)
    digest = ecr.describe_images(repositoryName=repository)["imageDetails"][0]["imageDigest"]
    return f"{name}@{digest}"


def create(local: LocalCloud, name: str, **settings: Any) -> None:
    function = local.aws("lambda")
    function.create_function(
        FunctionName=name,
        Role=f"arn:aws:iam::{configuration.ACCOUNT}:role/{role(local)}",
        PackageType="Image",
        Publish=True,
        **{
            "Code": {"ImageUri": local.image},
            "Timeout": 60,
            "Environment": {"Variables": {"RELEASE": "one"}},
            **settings,
        },
    )
    function.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


def role(local: LocalCloud) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    with contextlib.suppress(ClientError):  # it exists already
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        local.aws("iam").create_role(RoleName="test-function", AssumeRolePolicyDocument=document)
    return "test-function"


def with_url(local: LocalCloud, name: str, alias: str, mode: str = "RESPONSE_STREAM") -> Function:
    api = local.aws("lambda")
    api.create_alias(FunctionName=name, Name=alias, FunctionVersion="1")
    url = api.create_function_url_config(FunctionName=name, Qualifier=alias, AuthType="NONE", InvokeMode=mode)
    return Function(name, alias, url["FunctionUrl"])


def permit(local: LocalCloud, function: Function, action: str, condition: dict[str, object]) -> None:
    local.aws("lambda").add_permission(
        FunctionName=function.name,
        Qualifier=function.alias,
        StatementId=f"{function.alias}-{action.partition(':')[2]}",
        Action=action,
        Principal="*",
        **condition,
    )


@contextlib.contextmanager
def opened(url: str, timeout: float = 30) -> Iterator[http.client.HTTPResponse]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        yield connection.getresponse()
    finally:
        connection.close()


def signal(local: LocalCloud, key: str) -> None:
    """Let a function that waits at /wait go on. A test calls this after it has read the first bytes of the stream."""
    local.aws("s3").put_object(Bucket=BUCKET, Key=key, Body=b"")


def invoke(local: LocalCloud, function: str, qualifier: str, event: dict[str, object]) -> Any:
    answer = local.aws("lambda").invoke_with_response_stream(
        FunctionName=function, Qualifier=qualifier, Payload=json.dumps(event).encode()
    )
    return iter(answer["EventStream"])


def completion(events: Any) -> dict[str, str]:
    return dict(next(event["InvokeComplete"] for event in events if "InvokeComplete" in event))
