"""The image as Lambda would take it: built for real, looked at and run, without any cloud."""

import json
import shutil
import urllib.request
from pathlib import Path

import pytest
from python_on_whales import DockerClient
from support.waiting import until

from delivery.aws.function import stream_event
from delivery.image import bake
from delivery.process.shell import Command

ROOT = Path(__file__).parents[2]
IMAGE = "sse-streaming:the-commit"
ROUTE = "/2015-03-31/functions/function/invocations"


@pytest.fixture(scope="session")
def client(shell, tmp_path_factory):
    variables = {
        "COMMIT": "the-commit",
        "CACHE": "none",
        "BUILD_NETWORK": shell.variables.get("BUILD_NETWORK") or "default",
        "CA_BUNDLE": shell.variables.get("CA_BUNDLE", ""),
    }
    loaded = bake.Bake(("sse-streaming",), variables, tmp_path_factory.mktemp("bake"), "load")
    bake.build(loaded, ROOT, shell, print)
    program = shutil.which("docker", path=shell.variables["PATH"])
    return DockerClient(host=shell.variables.get("DOCKER_HOST") or None, client_call=[program])


@pytest.fixture(scope="session")
def image(client):
    return client.image.inspect(IMAGE)


def test_the_image_is_one_platform_runs_as_a_numeric_user_and_names_its_commit(image):
    assert (image.os, image.architecture) == ("linux", "amd64")
    assert image.config.user.split(":")[0].isdigit()
    assert image.config.user.split(":")[0] != "0"
    assert "COMMIT=the-commit" in image.config.env
    assert image.config.labels["org.opencontainers.image.revision"] == "the-commit"


def test_what_is_above_the_base_is_three_layers_standard_library_dependencies_and_app(client, image):
    base = client.image.inspect("python:3.13-slim")
    assert image.root_fs.layers[: len(base.root_fs.layers)] == base.root_fs.layers
    assert len(image.root_fs.layers) - len(base.root_fs.layers) == 3


def test_everything_that_is_imported_is_compiled_and_no_aws_sdk_is_there(shell):
    code = (
        "import sys, json, sse_streaming.__main__, sse_streaming.app; "
        "plain = [n for n, m in sys.modules.items() if getattr(m, '__cached__', None) "
        "and not __import__('os').path.exists(m.__cached__)]; "
        "import importlib.util as u; print(json.dumps([plain, u.find_spec('boto3') is not None]))"
    )
    argv = ("docker", "run", "--rm", "--read-only", "--network", "none", IMAGE, "python", "-c", code)
    result = shell.run(Command(argv))
    assert result.code == 0, result.stderr
    assert json.loads(result.stdout) == [[], False]


def test_with_a_read_only_root_it_answers_the_invoke_route_with_a_prelude_and_events(client):
    with client.run(IMAGE, detach=True, read_only=True, tmpfs=["/tmp"], publish=[("127.0.0.1:0", 8080)]) as container:
        port = until(lambda: _port(container), 20, "a published port")
        event = stream_event({"events": "2", "interval": "0.05"})
        answer = until(lambda: _post(port, event), 20, "an answer")
        prelude, _, body = answer.partition(b"\0" * 8)
        assert json.loads(prelude)["statusCode"] == 200
        assert [line for line in body.decode().splitlines() if line.startswith("event:")] == [
            "event: hello",
            "event: heartbeat",
        ]


def _port(container):
    container.reload()
    found = container.network_settings.ports.get("8080/tcp")
    return int(found[0]["HostPort"]) if found else None


def _post(port, event):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{ROUTE}", json.dumps(event).encode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()
    except OSError:
        return None
