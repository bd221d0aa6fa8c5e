"""The local cloud on a real engine: images in, functions out, streams that stream."""

import base64
import contextlib
import http.client
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError

from sandbox import base_image, cloud, engine, processes
from sandbox.layout import Layout

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
REPOSITORY = "test-streams"
BUCKET = "signals"


@dataclass(frozen=True)
class Place:
    """A sandbox of this test's own, with the function's image pushed."""

    layout: Layout
    engine: engine.Engine
    cloud: cloud.Cloud
    image: str

    def aws(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.cloud.endpoint,
            region_name=cloud.REGION,
            aws_access_key_id=cloud.ACCOUNT,
            aws_secret_access_key="none",
        )

    def function_containers(self) -> set[str]:
        return set(self.engine.docker("ps", "--quiet", "--filter", "label=ministack=lambda").split())


@dataclass(frozen=True)
class Function:
    """A function with two versions of one image; its alias `live` points to the first, its URL to the alias."""

    name: str
    url: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    layout = Layout.of(tmp_path_factory.mktemp("cloud"))
    if (cache := Layout.of(PROJECT).cache).is_dir():
        shutil.copytree(cache, layout.cache, copy_function=os.link)
    layout.home.mkdir(exist_ok=True)
    try:
        docker = engine.start(layout, print)
        base_image.ensure(layout, docker, "python:3.13-slim", print)
        running = cloud.start(layout, docker, print)
        yield Place(layout, docker, running, push(docker, running))
    finally:
        cloud.stop(layout)
        engine.stop(layout, print)


def push(docker: engine.Engine, running: cloud.Cloud) -> str:
    """Build the function's image and push it as anybody would; its name with digest."""
    name = f"{running.registry}/{REPOSITORY}"
    ecr = Place(Layout.of(HERE), docker, running, "").aws("ecr")
    ecr.create_repository(repositoryName=REPOSITORY)
    login = ecr.get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(login["authorizationToken"]).decode().partition(":")
    docker.docker("login", "--username", user, "--password", password, login["proxyEndpoint"])
    build = ("--platform", "linux/amd64", "--provenance", "false", "--tag", f"{name}:1")
    docker.docker("buildx", "build", *build, "--push", str(HERE / "cloud_function"), timeout=120)
    digest = ecr.describe_images(repositoryName=REPOSITORY)["imageDetails"][0]["imageDigest"]
    return f"{name}@{digest}"


def create(place: Place, name: str, **settings: Any) -> None:
    function = place.aws("lambda")
    function.create_function(
        FunctionName=name,
        Role=f"arn:aws:iam::{cloud.ACCOUNT}:role/{role(place)}",
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


@pytest.fixture(scope="module")
def function(place: Place) -> Function:
    create(place, "streams")
    api = place.aws("lambda")
    api.update_function_configuration(FunctionName="streams", Environment={"Variables": {"RELEASE": "two"}})
    api.publish_version(FunctionName="streams")
    api.create_alias(FunctionName="streams", Name="live", FunctionVersion="1")
    place.aws("s3").create_bucket(Bucket=BUCKET)
    url = api.create_function_url_config(
        FunctionName="streams", Qualifier="live", AuthType="NONE", InvokeMode="RESPONSE_STREAM"
    )["FunctionUrl"]
    return Function("streams", url)


@pytest.fixture(scope="module")
def public(place: Place, function: Function) -> Function:
    """The function once everybody may call its URL."""
    with contextlib.suppress(ClientError):  # the test of permissions may have given them
        permit_url(place, function)
    with contextlib.suppress(ClientError):
        permit_invoke(place, function)
    return function


def permit_url(place: Place, function: Function) -> None:
    place.aws("lambda").add_permission(
        FunctionName=function.name,
        Qualifier="live",
        StatementId="url",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )


def permit_invoke(place: Place, function: Function) -> None:
    place.aws("lambda").add_permission(
        FunctionName=function.name,
        Qualifier="live",
        StatementId="invoke",
        Action="lambda:InvokeFunction",
        Principal="*",
        InvokedViaFunctionUrl=True,
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


def eventually(condition: Callable[[], bool]) -> bool:
    return processes.wait_until(condition, 20)


def test_an_image_that_is_not_there_is_named_as_ecr_names_it(place: Place) -> None:
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        place.aws("ecr").describe_images(repositoryName=REPOSITORY, imageIds=[{"imageTag": "none"}])


def test_a_pushed_image_is_described_with_its_digest_tag_and_size(place: Place) -> None:
    found = place.aws("ecr").describe_images(repositoryName=REPOSITORY, imageIds=[{"imageTag": "1"}])
    detail = found["imageDetails"][0]
    assert place.image.endswith(detail["imageDigest"])
    assert detail["imageSizeInBytes"] > 10_000_000


def test_a_public_url_is_forbidden_until_both_permissions_are_given(place: Place, function: Function) -> None:
    seen = []
    for permit in (permit_url, permit_invoke, None):
        with opened(f"{function.url}quick") as answer:
            seen.append(answer.status)
            told = answer.read()
        if permit:
            assert b"Forbidden" in told
            permit(place, function)
    assert seen == [403, 403, 200]


def test_a_url_passes_on_the_first_event_while_the_function_still_runs(place: Place, public: Function) -> None:
    with opened(f"{public.url}wait?key=url") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
        assert answer.readline() == b"first from 1\n"
        signal(place, "url")
        assert answer.read() == b"last\n"


def test_an_invocation_passes_on_the_first_event_while_the_function_still_runs(
    place: Place, function: Function
) -> None:
    events = invoke(place, function.name, "2", {"rawPath": "/wait", "queryStringParameters": {"key": "invoke"}})
    seen = b""
    while b"first" not in seen:
        seen += next(events)["PayloadChunk"]["Payload"]
    prelude, _, body = seen.partition(bytes(8))
    assert json.loads(prelude)["statusCode"] == 200
    assert body == b"first from 2\n"
    signal(place, "invoke")
    rest = list(events)
    assert b"".join(event["PayloadChunk"]["Payload"] for event in rest[:-1]) == b"last\n"
    assert rest[-1] == {"InvokeComplete": {}}


def test_a_url_follows_its_alias_at_the_next_request(place: Place, public: Function) -> None:
    served = []
    for version in ("2", "1"):
        place.aws("lambda").update_alias(FunctionName=public.name, Name="live", FunctionVersion=version)
        with opened(f"{public.url}quick") as answer:
            served.append(answer.readline())
    assert served == [b"first from 2\n", b"first from 1\n"]


def test_streams_at_the_same_time_get_a_container_each(place: Place, public: Function) -> None:
    with (
        opened(f"{public.url}wait?key=two") as one,
        opened(f"{public.url}wait?key=two") as other,
    ):
        assert one.readline() == other.readline() == b"first from 1\n"
        assert len(place.function_containers()) >= 2
        signal(place, "two")
        assert one.read() == other.read() == b"last\n"


def test_an_update_of_the_function_leaves_the_streams_of_older_versions_alone(place: Place, public: Function) -> None:
    with opened(f"{public.url}wait?key=update") as answer:
        answer.readline()
        place.aws("lambda").update_function_configuration(FunctionName=public.name, Description="newer")
        place.aws("lambda").update_function_code(FunctionName=public.name, ImageUri=place.image)
        signal(place, "update")
        assert answer.read() == b"last\n"


def test_a_client_that_leaves_takes_its_container_along(place: Place, public: Function) -> None:
    with opened(f"{public.url}wait?key=leave") as answer:
        answer.readline()
        busy = place.function_containers()
    assert eventually(lambda: len(place.function_containers()) < len(busy))
    with opened(f"{public.url}quick") as answer:
        assert answer.status == 200


def test_a_function_that_dies_halfway_leaves_a_body_without_an_end(public: Function) -> None:
    with opened(f"{public.url}exit") as answer:
        assert answer.readline() == b"first from 1\n"
        with pytest.raises(http.client.IncompleteRead):
            answer.read()


def test_an_invocation_says_how_a_function_died(place: Place, function: Function) -> None:
    end = completion(invoke(place, function.name, "1", {"rawPath": "/exit"}))
    assert end["ErrorCode"] == "Runtime.ExitError"
    assert "exit status 3" in end["ErrorDetails"]


def test_an_error_before_the_answer_is_a_502_with_its_reason(public: Function) -> None:
    with opened(f"{public.url}fail") as answer:
        assert answer.status == 502
        assert json.load(answer)["errorMessage"] == "no such thing"


def test_an_answer_without_a_prelude_is_the_body(public: Function) -> None:
    with opened(f"{public.url}raw") as answer:
        assert (answer.status, answer.read()) == (200, b"no prelude")


@pytest.mark.parametrize("path", ["/hang", "/stall"])
def test_the_timeout_of_the_function_bounds_the_whole_answer(place: Place, path: str) -> None:
    name = f"short{path.replace('/', '-')}"
    create(place, name, Timeout=1)
    end = completion(invoke(place, name, "1", {"rawPath": path}))
    assert end["ErrorCode"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in end["ErrorDetails"]


def test_a_version_that_cannot_start_says_why(place: Place) -> None:
    create(place, "broken", Environment={"Variables": {"CRASH": "1"}})
    end = completion(invoke(place, "broken", "1", {}))
    assert end["ErrorCode"] == "Runtime.ExitError"
    assert "this version cannot start" in end["ErrorDetails"]


def test_what_a_function_writes_is_found_in_its_log_group(place: Place, public: Function) -> None:
    with opened(f"{public.url}quick") as answer:
        answer.read()

    def logged() -> bool:
        found = place.aws("logs").filter_log_events(logGroupName=f"/aws/lambda/{public.name}")
        return any("asked for /quick" in event["message"] for event in found["events"])

    assert eventually(logged)


def test_nothing_is_published_when_nothing_changed(place: Place) -> None:
    create(place, "published")
    api = place.aws("lambda")
    again = api.publish_version(FunctionName="published")
    assert (again["Version"], again["CodeSha256"]) == ("1", place.image.rpartition(":")[2])
    other = place.image.rpartition("@")[0] + "@sha256:" + "0" * 64
    api.update_function_code(FunctionName="published", ImageUri=other)
    assert api.publish_version(FunctionName="published")["Version"] == "2"
    arns = [version["FunctionArn"] for version in api.list_versions_by_function(FunctionName="published")["Versions"]]
    assert [arn.rpartition(":")[2] for arn in arns] == ["published", "1", "2"]


def test_every_answer_about_a_url_gives_the_address_that_works(place: Place, function: Function) -> None:
    api = place.aws("lambda")
    known = {"FunctionName": function.name}
    urls = {
        function.url,
        api.get_function_url_config(**known, Qualifier="live")["FunctionUrl"],
        api.list_function_url_configs(**known)["FunctionUrlConfigs"][0]["FunctionUrl"],
    }
    assert len(urls) == 1
    assert function.url.startswith(f"{place.cloud.endpoint}/")


def test_only_this_machine_and_its_containers_reach_the_cloud(place: Place) -> None:
    pid = process(place).pid
    inodes = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    listening = {
        host
        for table in ("tcp", "tcp6")
        for host, state, inode in rows(Path("/proc/net") / table)
        if state == "0A" and f"socket:[{inode}]" in inodes
    }
    assert listening == {"127.0.0.1", place.engine.gateway} - {""}


def rows(table: Path) -> Iterator[tuple[str, str, str]]:
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        packed = bytes.fromhex(fields[1].partition(":")[0])
        host = ".".join(map(str, reversed(packed))) if len(packed) == 4 else "::" + packed.hex()
        yield host, fields[3], fields[9]


def process(place: Place) -> processes.Process:
    found = processes.find(place.layout, cloud.NAME)
    assert found
    return found


def test_a_second_start_finds_the_cloud_as_it_is(place: Place) -> None:
    before = process(place).pid
    assert cloud.start(place.layout, place.engine, print) == place.cloud
    assert process(place).pid == before
    assert cloud.status(place.layout)[0] == "up"


def test_settings_of_the_users_shell_do_not_reach_the_cloud(place: Place) -> None:
    environment = Path(f"/proc/{process(place).pid}/environ").read_bytes().split(b"\0")
    names = {line.partition(b"=")[0].decode() for line in environment}
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL", "PYTEST_CURRENT_TEST"} & names


def test_a_killed_cloud_is_healed_by_the_next_start_at_the_same_address(place: Place) -> None:
    """Last but one: the functions are forgotten with it, and the containers they ran in are removed."""
    os.kill(process(place).pid, 9)
    assert eventually(lambda: cloud.status(place.layout)[0] == "down")
    assert cloud.start(place.layout, place.engine, print) == place.cloud
    assert place.aws("lambda").list_functions()["Functions"] == []
    assert place.function_containers() == set()


def test_stopping_leaves_nothing(place: Place) -> None:
    """Last: also when the cloud was killed before."""
    stale = process(place)
    os.kill(stale.pid, 9)
    cloud.stop(place.layout)
    assert not stale.alive
    assert place.function_containers() == set()
    assert not (place.layout.home / "cloud").exists()
    assert cloud.status(place.layout) == ("down", "")
