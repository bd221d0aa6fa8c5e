"""Package URLs have the canonical form of the specification's own library, whatever a name holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageurl import PackageURL

from delivery.image import purl
from delivery.image.dockerfile import Base
from delivery.image.packages import Package

NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/"), min_size=1, max_size=9)


@given(NAMES, NAMES, NAMES)
def test_any_name_version_and_source_have_a_canonical_purl(name, version, source):
    package = Package("deb", name.lower(), version, "amd64", source)
    url = purl.of_package(package, {"ID": "debian", "VERSION_ID": "13"})
    parsed = PackageURL.from_string(url)
    assert (parsed.name, parsed.version) == (name.lower(), version)
    assert parsed.qualifiers["upstream"] == source
    assert parsed.to_string() == url


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("mirror.test:5000/python:3", ("mirror.test:5000/python", "3")),
        ("mirror.test:5000/python", ("mirror.test:5000/python", "")),
        ("docker.io/library/python:3@sha256:aa", ("docker.io/library/python", "3")),
    ],
)
def test_a_port_is_no_tag(reference, parts):
    assert purl.split(reference) == parts


def test_a_base_that_is_another_target_has_its_name():
    assert purl.of_base(Base("base", "target:other", "", is_image=False)) == "target:other"
