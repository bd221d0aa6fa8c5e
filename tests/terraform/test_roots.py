"""`terraform test` of the root modules, in a copy, with a provider that calls nothing."""

import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INFRASTRUCTURE = HERE.parents[1] / "infrastructure"


@pytest.mark.parametrize("root", ["foundation", "service"])
def test_a_root_module_accepts_and_refuses_what_its_test_file_says(terraform, tmp_path, root):
    copy = tmp_path / "infrastructure"
    shutil.copytree(INFRASTRUCTURE, copy, ignore=shutil.ignore_patterns(".terraform"))
    shutil.copy(HERE / f"{root}.tftest.hcl", copy / root)
    terraform(copy / root, "init", "-backend=false", "-input=false", "-lockfile=readonly")
    terraform(copy / root, "test")
