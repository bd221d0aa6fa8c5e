"""The images of what `invoke new` writes: bake reads them, Lambda's rules accept them, and AWS's emulator runs them."""

import http.client
import json
import shutil
import socket
import uuid

import pytest
from support.function_url import INVOKE_PATH, payload
from support.image_project import ROOT
from support.waiting import until
from support.world import ENVIRONMENT

from delivery.commands import new
from delivery.image import bake, check, inspect, network, start_check
from delivery.process.shell import Command

KINDS = {"orders-api": "http", "prices": "stream", "worker": "event"}
PLATFORM = "linux/amd64"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A project with a new function of each kind."""
    root = tmp_path_factory.mktemp("written")
    shutil.copytree(ROOT / new.SERVICE, root / new.SERVICE, ignore=shutil.ignore_patterns(".terraform"))
    shutil.copy(ROOT / "docker-bake.hcl", root)
    for name, kind in KINDS.items():
        new.write(new.files(root, name, kind))
    return root


@pytest.fixture(scope="module")
def built(written, shell):
    """Image name => the inspected image, which is in the engine as NAME:new."""

    def build(output):
        variables = {"COMMIT": "new", "BUILDX_BAKE_ENTITLEMENTS_FS": "0"}
        variables["BUILD_CONTEXTS"] = shell.variables.get("BUILD_CONTEXTS", "")
        around = network.inherited(shell.variables)
        one = bake.Bake(tuple(KINDS), ENVIRONMENT, {**variables, "CACHE": "none"}, written, output, around)
        return bake.build(one, written, shell, print).digests

    digests = build("layout")
    build("archive")
    for name in KINDS:
        start_check.load(written / f"{name}.tar", shell)
    return {name: inspect.layout(name, written / name, digest) for name, digest in digests.items()}


def test_bake_reads_the_new_targets_with_their_health_contracts(written, shell):
    printed = shell.run(Command(("docker", "buildx", "bake", "--print"), cwd=written))
    assert printed.code == 0, printed.stderr
    targets = json.loads(printed.stdout)["target"]
    contracts = {name: json.loads(targets[name]["labels"]["lambda.health"]) for name in KINDS}
    assert contracts == {
        "orders-api": {"http": "/health", "status": 200},
        "prices": {"stream": "/events", "first": "hello", "events": 3},
        "worker": {"invoke": {"Records": []}, "expect": {"batchItemFailures": []}},
    }
    assert targets["orders-api"]["context"] == "src/lambdas/orders_api"


@pytest.mark.parametrize(
    ("name", "event", "expected"),
    [
        ("orders-api", payload(path="/health"), b'"statusCode": 200'),
        (
            "prices",
            payload(path="/events") | {"queryStringParameters": {"events": "3", "interval": "0"}},
            b"event: hello\n",
        ),
        ("worker", {"Records": []}, b'{"batchItemFailures": []}'),
    ],
)
def test_a_new_image_is_accepted_and_answers_as_its_contract_says(built, shell, name, event, expected):
    check.require(built[name], PLATFORM)
    container = f"new-{uuid.uuid4().hex[:8]}"
    program = start_check.emulator(ROOT / ".cache", PLATFORM, shell)
    image = start_check.StartCheck(f"{name}:new", built[name].config, PLATFORM)
    started = shell.run(image.command(container, program))
    assert started.code == 0, started.stderr
    try:
        answer = invoke(shell, container, event)
    finally:
        log = shell.run(Command(("docker", "logs", container)))
        shell.run(Command(("docker", "rm", "--force", "--volumes", container)))
    assert expected in answer, f"{answer!r}\n{log.stdout}{log.stderr}"


def invoke(shell, container, event):
    """The answer of the emulator in a container."""
    listed = shell.run(Command(("docker", "port", container, "8080/tcp"))).stdout.split()
    port = int(listed[0].rpartition(":")[2])
    until(lambda: listens(port), 20, "the emulator's port")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", INVOKE_PATH, json.dumps(event))
    return connection.getresponse().read()


def listens(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            probe.settimeout(0.2)
            try:
                return probe.recv(1) != b""  # the engine's proxy accepts before the emulator listens, and then closes
            except TimeoutError:
                return True
    except OSError:
        return False
