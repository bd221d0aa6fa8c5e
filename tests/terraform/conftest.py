"""Terraform in a folder, without a backend and without AWS."""

import os
import shutil
from pathlib import Path

import pytest

from delivery.process.shell import Command, Shell
from delivery.terraform import mirror


def pytest_addoption(parser):
    parser.addoption("--update-policies", action="store_true", help="write tests/terraform/policies again")


HERE = Path(__file__).parent
INIT = ("init", "-backend=false", "-input=false", "-lockfile=readonly")


@pytest.fixture(scope="session")
def infrastructure(tmp_path_factory):
    """A copy of the infrastructure; each root module, and the module of functions, has its test file."""
    copy = tmp_path_factory.mktemp("infrastructure") / "infrastructure"
    shutil.copytree(HERE.parents[1] / "infrastructure", copy, ignore=shutil.ignore_patterns(".terraform"))
    for root in ("foundation", "service"):
        shutil.copy(HERE / f"{root}.tftest.hcl", copy / root)
    module = copy / "modules" / "image_function"
    shutil.copy(HERE / "image_function.tftest.hcl", module)
    shutil.copy(copy / "service" / mirror.LOCK, module)
    return copy


@pytest.fixture(scope="session")
def terraform_in(tmp_path_factory):
    """Gives what runs terraform in a folder, whose `init` has run once.

    Providers come from a mirror of this machine if it has one, as in a task.
    """
    made = {}

    def initialised(folder):
        if folder not in made:
            made[folder] = _terraform(tmp_path_factory.mktemp("data"))
            plugins = mirror.find(os.environ, mirror.locked(folder / mirror.LOCK))
            made[folder](folder, *INIT, *([f"-plugin-dir={plugins}"] if plugins else []))
        return made[folder]

    return initialised


def _terraform(data):
    shell = Shell({**os.environ, "TF_DATA_DIR": str(data), "CHECKPOINT_DISABLE": "1"})

    def run(folder, *words):
        result = shell.run(Command(("terraform", f"-chdir={folder}", *words, "-no-color")))
        assert result.code == 0, result.stdout + result.stderr
        return result

    return run
