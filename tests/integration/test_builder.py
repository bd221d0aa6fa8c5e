"""A BuildKit in a network namespace of its own, behind mutual TLS, builds what the project's engine builds."""

import os
import re
from dataclasses import replace

import pytest
from support import buildkit
from support.deploys.provisions import provide
from support.waiting import until
from support.world import ENVIRONMENT

from delivery import tools
from delivery.errors import ConfigurationError, MissingToolError
from delivery.image import bake, inspect, network
from delivery.process.shell import Command, Shell
from sandbox.base_image import python
from sandbox.layout import Layout

NAME = "sse-streaming"


@pytest.fixture(scope="module")
def other(deployed, tmp_path_factory):
    """The socket of a second engine in a network namespace, which has the base image and has built nothing."""
    if os.geteuid():
        pytest.skip("a private engine needs root")
    root = tmp_path_factory.mktemp("b")
    provide(root)
    layout, settings = Layout.of(root), deployed[0].settings
    with buildkit.engine(layout, int(settings["registry"].rpartition(":")[2])) as path:
        there = Shell({**os.environ, **settings["variables"], "DOCKER_HOST": f"unix://{path}"})
        load = Command(("docker", "load", "--input", str(python.archive(layout, python.REFERENCE))))
        until(lambda: there.run(Command(("docker", "images", "--quiet"))).code == 0, 60, "an answer of the engine")
        loaded = there.run(load)
        assert loaded.code == 0, loaded.stderr
        yield path


@pytest.fixture(scope="module")
def shell(deployed, other, tmp_path_factory):
    """A shell of the clone's engine, whose docker knows the builders `team` and `stranger`, without a certificate."""
    variables = deployed[0].settings["variables"]
    folder = buildkit.certificates(tmp_path_factory.mktemp("certificates"))
    made = Shell({**os.environ, **variables, "BUILDX_CONFIG": str(folder / "buildx")})
    with buildkit.served(other, folder) as address:
        own = f"cacert={folder}/ca.pem,cert={folder}/client.pem,key={folder}/client.key"
        for name, options in (("team", own), ("stranger", f"cacert={folder}/ca.pem")):
            create = ("docker", "buildx", "create", "--driver", "remote", "--driver-opt", options, "--name", name)
            result = made.run(Command((*create, address)))
            assert result.code == 0, result.stderr
        yield made


@pytest.fixture
def build(deployed, shell, tmp_path):
    """Builds the clone's image with a builder, with the registry's cache."""
    checkout, _ = deployed
    variables = {"REGISTRY": checkout.settings["registry"], "ENVIRONMENT": "sandbox", "COMMIT": "of-a-builder"}
    variables |= {"CACHE": "registry", "CACHE_DIR": str(tmp_path), "BUILDX_BAKE_ENTITLEMENTS_FS": "0"}
    variables["BUILD_CONTEXTS"] = shell.variables["BUILD_CONTEXTS"]
    environment = replace(ENVIRONMENT, registry=checkout.settings["registry"])

    def built(builder, output):
        around = network.inherited(shell.variables)
        named = {**variables, "BUILDX_BUILDER": builder}
        return bake.build(bake.Bake((NAME,), environment, named, tmp_path, output, around), checkout.root, shell, print)

    return built


def test_a_second_buildkit_builds_nothing_because_the_registry_has_the_cache(build, shell, tmp_path):
    assert tools.check_builder("team", shell) == "builder team (remote)"
    pushed = build("default", "push")
    baked = build("team", "digest")
    assert baked.digests == pushed.digests
    assert re.fullmatch(r"(\d+) steps, \1 cached", baked.counts), baked.counts
    assert baked.warnings == ()
    assert build("team", "layout").digests == pushed.digests
    assert inspect.layout(NAME, tmp_path / NAME, pushed.digests[NAME]).uncompressed > 0
    assert build("team", "load").digests == pushed.digests, "into the engine that starts the image"
    assert build("team", "push").digests == pushed.digests


def test_a_builder_that_refuses_this_machine_and_one_that_does_not_exist_are_named(shell):
    with pytest.raises(MissingToolError, match="The builder stranger does not answer") as caught:
        tools.check_builder("stranger", shell)
    assert "refuses these certificates" in caught.value.why
    with pytest.raises(ConfigurationError, match="There is no builder tema") as caught:
        tools.check_builder("tema", shell)
    assert "team" in caught.value.why
    assert "stranger" in caught.value.why
