"""The image is built for real and inspected; test_check.py starts it."""

import json
import shutil

import pytest
from python_on_whales import DockerClient
from support.image_project import ROOT, SOURCES, ImageProject

from delivery import health
from delivery.process.shell import Command
from sandbox.base_image.dockerfile import references

COMMIT = "the-commit"


@pytest.fixture(scope="session")
def built(shell, tmp_path_factory):
    """The sources of the image, which is built and in the local engine."""
    project = ImageProject(tmp_path_factory.mktemp("image"), shell, COMMIT)
    project.build("load")
    return project


@pytest.fixture(scope="session")
def client(shell):
    program = shutil.which("docker", path=shell.variables["PATH"])
    return DockerClient(host=shell.variables.get("DOCKER_HOST") or None, client_call=[program])


@pytest.fixture(scope="session")
def image(client, built):
    return client.image.inspect(built.image)


def test_the_image_has_one_platform_a_numeric_user_and_no_trace_of_its_commit(built, image):
    assert (image.os, image.architecture) == ("linux", "amd64")
    assert image.config.user.split(":")[0].isdigit()
    assert image.config.user.split(":")[0] != "0"
    assert COMMIT in built.image, "the commit is a tag"
    assert COMMIT not in image.config.model_dump_json()


def test_the_image_has_the_health_contract_of_its_bake_target(image):
    contract = health.parse(image.config.labels[health.LABEL])
    assert (contract.path, contract.first, contract.events) == ("/api/v2/stream", "hello", 3)


def test_lambda_may_restore_the_image_from_a_snapshot(image):
    assert image.config.labels["com.amazonaws.lambda.feature.snapstart"] == "Allow"


def test_the_image_adds_three_layers_to_its_base_standard_library_dependencies_and_app(shell, client, image):
    (pinned,) = references((ROOT / SOURCES / "Dockerfile").read_text())
    stand_in = shell.variables["BUILD_CONTEXTS"].removeprefix(f"{pinned}=docker-image://")
    base = client.image.inspect(stand_in or pinned)
    assert image.root_fs.layers[: len(base.root_fs.layers)] == base.root_fs.layers
    assert len(image.root_fs.layers) - len(base.root_fs.layers) == 3


def test_every_imported_module_is_compiled_and_the_aws_sdk_is_absent(shell, built):
    code = (
        "import sys, json, sse_streaming.__main__, sse_streaming.app; "
        "plain = [n for n, m in sys.modules.items() if getattr(m, '__cached__', None) "
        "and not __import__('os').path.exists(m.__cached__)]; "
        "import importlib.util as u; print(json.dumps([plain, u.find_spec('boto3') is not None]))"
    )
    argv = ("docker", "run", "--rm", "--read-only", "--network", "none", built.image, "python", "-c", code)
    result = shell.run(Command(argv))
    assert result.code == 0, result.stderr
    assert json.loads(result.stdout) == [[], False]
