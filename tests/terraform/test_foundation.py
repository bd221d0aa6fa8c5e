"""`terraform test` of infrastructure/foundation, in a copy, with a provider that calls nothing."""

import shutil
from pathlib import Path

HERE = Path(__file__).parent
INFRASTRUCTURE = HERE.parents[1] / "infrastructure"


def test_the_state_is_encrypted_with_a_key_of_the_region_or_by_s3(terraform, tmp_path):
    copy = tmp_path / "infrastructure"
    shutil.copytree(INFRASTRUCTURE, copy, ignore=shutil.ignore_patterns(".terraform"))
    shutil.copy(HERE / "foundation.tftest.hcl", copy / "foundation")
    terraform(copy / "foundation", "init", "-backend=false", "-input=false", "-lockfile=readonly")
    terraform(copy / "foundation", "test")
