"""Which of the user's engines are new enough."""

import pytest
from packaging.version import Version

from sandbox.engine import own


@pytest.mark.parametrize(
    ("printed", "version"),
    [("26.1.5+dfsg1", "26.1.5"), ("24.0.7-0ubuntu2~22.04.1", "24.0.7"), ("0.14.0-desktop.1", "0.14.0"), ("24.0", "24")],
)
def test_the_release_is_read_from_the_versions_of_distributions_and_of_docker_desktop(printed, version):
    assert own.release(printed) == Version(version)


def test_a_version_without_a_number_is_an_error():
    with pytest.raises(ValueError, match="Invalid version"):
        own.release("unknown")
