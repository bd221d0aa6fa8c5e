"""What `invoke new` writes is formatted as Terraform wants it, and valid."""

import shutil
from pathlib import Path

from support.lock_file import drop_checksums

from delivery.commands import new

ROOT = Path(__file__).parents[2]
KINDS = {"trial-api": "http", "trial-prices": "stream", "trial-worker-with-a-long-name": "event"}


def test_the_blocks_of_all_kinds_are_formatted_and_valid(infrastructure, terraform_in, tmp_path):
    shutil.copytree(infrastructure, tmp_path / "infrastructure")
    shutil.copy(ROOT / "docker-bake.hcl", tmp_path)
    for name, kind in KINDS.items():
        new.write(new.files(tmp_path, name, kind))
    service = tmp_path / "infrastructure" / "service"
    drop_checksums(service)
    terraform = terraform_in(service)
    terraform(tmp_path / "infrastructure", "fmt", "-check", "-recursive")
    terraform(service, "validate")
