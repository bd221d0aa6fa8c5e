"""bake reads the targets that `invoke new` writes."""

import json
import shutil

import pytest
from support.image_project import ROOT

from delivery.commands import new
from delivery.process.shell import Command

KINDS = {"orders-api": "http", "prices": "stream", "worker": "event"}


@pytest.fixture
def written(tmp_path):
    """A project with a new function of each kind."""
    shutil.copytree(ROOT / new.SERVICE, tmp_path / new.SERVICE, ignore=shutil.ignore_patterns(".terraform"))
    shutil.copy(ROOT / "docker-bake.hcl", tmp_path)
    for name, kind in KINDS.items():
        new.write(new.files(tmp_path, name, kind))
    return tmp_path


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
