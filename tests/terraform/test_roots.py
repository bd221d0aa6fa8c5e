"""`terraform test` of the root modules, in a copy, with a provider that calls nothing."""

import pytest
from support.lock_file import drop_checksums


@pytest.mark.parametrize("root", ["foundation", "service"])
def test_a_root_module_accepts_and_refuses_what_its_test_file_says(terraform_in, infrastructure, root):
    terraform = terraform_in(infrastructure / root)
    drop_checksums(infrastructure / root)
    terraform(infrastructure / root, "test")
