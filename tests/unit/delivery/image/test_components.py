"""The packages that an SBOM lists, also one that somebody else wrote, and what differs between two."""

import pytest

from delivery.image import components
from delivery.image.components import Change, Component

BASE = "docker.io/library/python"
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def bom(*purls):
    listed = [
        {"name": purl.partition("/")[2].partition("@")[0], "version": purl.partition("@")[2], "purl": purl}
        for purl in purls
    ]
    return {"components": listed}


def base(digest):
    return {"components": [{"name": BASE, "version": digest, "purl": f"pkg:oci/python@{digest}"}]}


def changes(before, after):
    return components.changes(components.of(before), components.of(after))


def test_each_package_is_listed_once_with_its_kind():
    assert components.of(bom("pkg:pypi/h11@1", "pkg:deb/bash@5", "pkg:pypi/h11@1")) == (
        Component("deb", "bash", "5"),
        Component("pypi", "h11", "1"),
    )


@pytest.mark.parametrize(
    "strange",
    [
        {},
        {"components": None},
        {"components": {"name": "x"}},
        {"components": ["x", None, 1, {}, {"name": "x"}, {"name": "x", "purl": "https://x.test"}]},
        {"components": [{"name": ["x"], "version": {}, "purl": "pkg:pypi/x"}]},
        {"components": [{"type": "operating-system", "name": "debian", "version": "13"}]},
    ],
)
def test_a_component_that_is_no_package_is_left_out(strange):
    assert components.of(strange) == ()
    assert components.gaps(strange) == ()


def test_what_somebody_else_wrote_is_one_short_printable_line():
    written = {"components": [{"name": "x\x1b[2J" + "y" * 999, "version": 5, "purl": "pkg:pypi/x"}]}
    (component,) = components.of(written)
    assert component == Component("pypi", "x?[2J" + "y" * 195, "")


def test_the_gaps_are_the_properties_of_that_name():
    properties = [{"name": "delivery:gap", "value": "npm: /a\nb"}, {"name": "other", "value": "x"}, "x"]
    assert components.gaps({"metadata": {"properties": properties}}) == ("npm: /a?b",)
    assert components.gaps({"metadata": {"properties": "x"}}) == ()


def test_updated_new_and_removed_packages_are_changes_and_equal_ones_are_none():
    before = bom("pkg:deb/bash@5", "pkg:deb/same@1", "pkg:pypi/gone@1")
    after = bom("pkg:deb/bash@6", "pkg:deb/same@1", "pkg:pypi/new@1")
    assert changes(before, after) == (
        Change("deb", "bash", ("5",), ("6",)),
        Change("pypi", "gone", ("1",), ()),
        Change("pypi", "new", (), ("1",)),
    )


def test_a_package_in_two_versions_has_both():
    assert changes(bom("pkg:pypi/x@1"), bom("pkg:pypi/x@1", "pkg:pypi/x@2")) == (
        Change("pypi", "x", ("1",), ("1", "2")),
    )


def test_one_name_of_two_ecosystems_is_two_packages():
    assert changes(bom("pkg:deb/x@1"), bom("pkg:pypi/x@1")) == (
        Change("deb", "x", ("1",), ()),
        Change("pypi", "x", (), ("1",)),
    )


def test_another_base_is_one_change():
    assert changes(base(A), base(B)) == (Change("base", "", (f"{BASE}@{A}",), (f"{BASE}@{B}",)),)


def test_a_base_whose_digest_is_not_known_is_no_change():
    assert changes(base(""), base(B)) == changes(base(A), base("")) == changes({}, base(A)) == ()
