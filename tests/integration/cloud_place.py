"""A local cloud with a function in it, and what tests do with them."""

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

FUNCTION = Path(__file__).parent / "cloud" / "function"
REPOSITORY = "test-streams"
BUCKET = "signals"
URL: tuple[str, dict[str, Any]] = ("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"})
INVOKE: tuple[str, dict[str, Any]] = ("lambda:InvokeFunction", {"InvokedViaFunctionUrl": True})


@dataclass(frozen=True)
class Place:
    """A sandbox of this test's own, with the function's image pushed."""

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


def push(docker: Engine, running: cloud.Cloud) -> str:
    """Build the function's image and push it as anybody would; its name with digest."""
    name = f"{running.registry}/{REPOSITORY}"
    ecr = Place(Layout.of(FUNCTION), docker, running, "").aws("ecr")
    ecr.create_repository(repositoryName=REPOSITORY)
    login = ecr.get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(login["authorizationToken"]).decode().partition(":")
    docker.docker("login", "--username", user, "--password", password, login["proxyEndpoint"])
    build = ("--platform", "linux/amd64", "--provenance", "false", "--tag", f"{name}:1")
    docker.docker("buildx", "build", *build, "--push", str(FUNCTION), timeout=120)
    digest = ecr.describe_images(repositoryName=REPOSITORY)["imageDetails"][0]["imageDigest"]
    return f"{name}@{digest}"


def create(place: Place, name: str, **settings: Any) -> None:
    function = place.aws("lambda")
    function.create_function(
        FunctionName=name,
        Role=f"arn:aws:iam::{configuration.ACCOUNT}:role/{role(place)}",
        PackageType="Image",
        Code={"ImageUri": place.image},
        Publish=True,
        **{"Timeout": 60, "Environment": {"Variables": {"RELEASE": "one"}}, **settings},
    )
    function.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


def role(place: Place) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    with contextlib.suppress(ClientError):  # made for the first function
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        place.aws("iam").create_role(RoleName="test-function", AssumeRolePolicyDocument=document)
    return "test-function"


def with_url(place: Place, name: str, alias: str) -> Function:
    api = place.aws("lambda")
    api.create_alias(FunctionName=name, Name=alias, FunctionVersion="1")
    url = api.create_function_url_config(
        FunctionName=name, Qualifier=alias, AuthType="NONE", InvokeMode="RESPONSE_STREAM"
    )
    return Function(name, alias, url["FunctionUrl"])


def permit(place: Place, function: Function, action: str, condition: dict[str, object]) -> None:
    place.aws("lambda").add_permission(
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


def signal(place: Place, key: str) -> None:
    """What the function waits for at /wait, given only after its first bytes were read: buffering never gets here."""
    place.aws("s3").put_object(Bucket=BUCKET, Key=key, Body=b"")


def invoke(place: Place, function: str, qualifier: str, event: dict[str, object]) -> Any:
    answer = place.aws("lambda").invoke_with_response_stream(
        FunctionName=function, Qualifier=qualifier, Payload=json.dumps(event).encode()
    )
    return iter(answer["EventStream"])


def completion(events: Any) -> dict[str, str]:
    return dict(next(event["InvokeComplete"] for event in events if "InvokeComplete" in event))
