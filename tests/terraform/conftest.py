"""Terraform in a folder, without a backend and without AWS."""

import os
from pathlib import Path

import pytest

from delivery.process.shell import Command, Shell
from delivery.terraform import mirror


def pytest_addoption(parser):
    parser.addoption("--update-policies", action="store_true", help="write tests/terraform/policies again")


@pytest.fixture
def terraform(tmp_path):
    """Run terraform in a folder, with providers from a mirror of this machine if the registry gives none."""
    shell = Shell({**os.environ, "TF_DATA_DIR": str(tmp_path / "data"), "CHECKPOINT_DISABLE": "1"})

    def run(folder, *words):
        def once(*more):
            return shell.run(Command(("terraform", f"-chdir={folder}", *words, *more, "-no-color")))

        result = once()
        if result.code and words[0] == "init":
            plugins = mirror.find(os.environ, mirror.locked(Path(folder) / mirror.LOCK))
            result = once(f"-plugin-dir={plugins}") if plugins else result
        assert result.code == 0, result.stdout + result.stderr
        return result

    return run
