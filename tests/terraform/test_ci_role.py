"""`terraform test` of the module ci_role, in a copy that has the lock file of the foundation."""

import shutil
from pathlib import Path

HERE = Path(__file__).parent
INFRASTRUCTURE = HERE.parents[1] / "infrastructure"


def test_each_role_trusts_exactly_the_claims_that_github_sends(terraform, tmp_path):
    module = tmp_path / "ci_role"
    shutil.copytree(INFRASTRUCTURE / "modules" / "ci_role", module)
    shutil.copy(INFRASTRUCTURE / "foundation" / ".terraform.lock.hcl", module)
    shutil.copy(HERE / "trust.tftest.hcl", module)
    terraform(module, "init", "-backend=false", "-input=false", "-lockfile=readonly")
    terraform(module, "test")
