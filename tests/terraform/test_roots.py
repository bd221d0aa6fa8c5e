"""`terraform test` of the root modules and of the module of functions, in a copy; AWS is not called."""

import pytest
from support import sample
from support.lock_file import drop_checksums

SERVICE = pytest.param("service", marks=sample.needed)  # its test file has the sample's functions


@pytest.mark.parametrize("root", ["foundation", SERVICE, "modules/image_function"])
def test_a_module_accepts_and_refuses_what_its_test_file_says(terraform_in, infrastructure, root):
    terraform = terraform_in(infrastructure / root)
    drop_checksums(infrastructure / root)
    terraform(infrastructure / root, "test")
