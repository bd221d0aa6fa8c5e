"""Terraform's lock file without its checksums, for copies of the infrastructure.

With them, every run of Terraform reads the whole provider again, 685 MB. That the lock file is complete, and that the
provider has these checksums, is tested once: tests/terraform/test_validate.py.
"""

import re
from pathlib import Path

NAME = ".terraform.lock.hcl"
_HASHES = re.compile(r"^  hashes = \[\n.*?^  \]\n", re.MULTILINE | re.DOTALL)


def drop_checksums(folder: Path) -> None:
    """Remove them from the lock file of a root module."""
    file = folder / NAME
    text, number = _HASHES.subn("", file.read_text())
    assert number, f"{file} has no checksums"
    file.write_text(text)
