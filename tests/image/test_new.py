"""The images of what `invoke new` writes: bake reads them, Lambda's rules accept them, and AWS's emulator runs them."""

import json
import shutil

import pytest
from support.image_project import ROOT
from support.world import ENVIRONMENT

from delivery.commands import new
from delivery.image import bake, check, inspect, network, start_check
from delivery.process.shell import Command

KINDS = {"trial-api": "http", "trial-prices": "stream", "trial-worker": "event"}
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
    """Image name => the inspected image; the engine has it as NAME:new."""

    def build(output):
        variables = {"COMMIT": "new", "BUILDX_BAKE_ENTITLEMENTS_FS": "0"}
        variables["BUILD_CONTEXTS"] = shell.variables.get("BUILD_CONTEXTS", "")
        around = network.inherited(shell.variables)
        one = bake.Bake(tuple(KINDS), ENVIRONMENT, {**variables, "CACHE": "none"}, written, output, around)
        return bake.build(one, written, shell, print).digests

    digests = build("layout")
    build("load")
    return {name: inspect.layout(name, written / name, digest) for name, digest in digests.items()}


def test_bake_reads_the_new_targets_with_their_health_contracts(written, shell):
    printed = shell.run(Command(("docker", "buildx", "bake", "--print"), cwd=written))
    assert printed.code == 0, printed.stderr
    targets = json.loads(printed.stdout)["target"]
    contracts = {name: json.loads(targets[name]["labels"]["lambda.health"]) for name in KINDS}
    assert contracts == {
        "trial-api": {"http": "/health", "status": 200},
        "trial-prices": {
            "stream": "/events",
            "first": "hello",
            "events": 3,
            "query": {"events": "3", "interval": "0.1"},
        },
        "trial-worker": {"invoke": {"Records": []}, "expect": {"batchItemFailures": []}},
    }
    assert targets["trial-api"]["context"] == "src/lambdas/trial_api"


@pytest.mark.parametrize(
    ("name", "result"),
    [("trial-api", "answered after"), ("trial-prices", "3 events after"), ("trial-worker", "answered after")],
)
def test_a_new_image_is_accepted_and_answers_as_its_contract_says(built, written, shell, name, result):
    check.require(built[name], PLATFORM)
    program = start_check.emulator(ROOT / ".cache", PLATFORM, shell)
    start = start_check.StartCheck(f"{name}:new", start_check.settings(f"{name}:new", shell), PLATFORM, lambda: None)
    assert start_check.run_check(start, program, shell, written).startswith(result)
