"""The packages of an image, and the gaps: what the image may have that is no package in the list."""

import io
import tarfile

import pytest
from support.image_layers import RELEASE, STATUS, image, info, layer, metadata, paragraph

from delivery.image import inspect, layers, packages
from delivery.image.layers import File
from delivery.image.packages import Package

SITE = "usr/local/lib/python3.13/site-packages"


def inventory(folder, *members, environment=()):
    """The inventory of an image with one layer of these members."""
    digest = image(folder, layer(*members))
    document = inspect.layout("x", folder, digest).document
    files = layers.read(document["layers"], layers.in_layout(folder), packages.choose)
    return packages.inventory(files, dict(environment))


def status(folder, text):
    return inventory(folder, (STATUS, text))


def test_debian_packages_have_their_version_architecture_and_source(tmp_path):
    text = (
        paragraph("libc6", "2.41-12+deb13u1", Source="glibc")
        + paragraph("bash", "5.2.37-2+b5", Source="bash (5.2.37-2)")
        + paragraph("tzdata", "2025b-4", Architecture="all")
    )
    assert status(tmp_path, text).packages == (
        Package("deb", "bash", "5.2.37-2+b5", "amd64", "bash@5.2.37-2", STATUS),
        Package("deb", "libc6", "2.41-12+deb13u1", "amd64", "glibc", STATUS),
        Package("deb", "tzdata", "2025b-4", "all", "", STATUS),
    )


@pytest.mark.parametrize(
    ("state", "listed"),
    [
        ("install ok installed", True),
        ("hold ok unpacked", True),
        ("install ok triggers-pending", True),
        ("deinstall ok config-files", False),
        ("purge ok not-installed", False),
    ],
)
def test_a_package_counts_as_long_as_its_files_are_there(tmp_path, state, listed):
    assert bool(status(tmp_path, paragraph(Status=state)).packages) is listed


def test_distroless_images_have_a_file_for_each_package_without_a_status(tmp_path):
    folder = "var/lib/dpkg/status.d"
    text = "Package: netbase\nVersion: 6.4\nArchitecture: all\nDescription: short\n long\n .\n longer\n"
    got = inventory(tmp_path, (f"{folder}/netbase", text), (f"{folder}/netbase.md5sums", "0  etc/protocols\n"))
    assert got.packages == (Package("deb", "netbase", "6.4", "all", "", f"{folder}/netbase"),)
    assert not got.gaps


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("Package openssl\n", "dpkg: /var/lib/dpkg/status, paragraph 1 is malformed"),
        (" continued: nothing\n", "dpkg: /var/lib/dpkg/status, paragraph 1 is malformed"),
        ("Package: x1\n", "dpkg: /var/lib/dpkg/status, paragraph 1 names no package: name 'x1', version ''"),
        ("Version: 1\n", "dpkg: /var/lib/dpkg/status, paragraph 1 names no package: name '', version '1'"),
        (
            paragraph("Open SSL", "1"),
            "dpkg: /var/lib/dpkg/status, paragraph 1 names no package: name 'Open SSL', version '1'",
        ),
        (
            paragraph("x" * 9000, "1"),
            f"dpkg: /var/lib/dpkg/status, paragraph 1 names no package: name '{'x' * 60}', version '1'",
        ),
        (
            paragraph("x1", "1\x1b[2J"),
            "dpkg: /var/lib/dpkg/status, paragraph 1 names no package: name 'x1', version '1?[2J'",
        ),
    ],
)
def test_a_paragraph_that_names_no_package_is_a_gap_and_the_others_count(tmp_path, text, gap):
    got = status(tmp_path, f"{text}\n{paragraph()}")
    assert got.gaps == (gap,)
    assert [package.name for package in got.packages] == ["openssl"]


def test_binary_bytes_in_place_of_the_status_are_a_gap(tmp_path):
    assert status(tmp_path, b"\x00\xff\xfe" * 50).gaps == ("dpkg: /var/lib/dpkg/status, paragraph 1 is malformed",)


def test_python_packages_have_the_normalized_name_and_the_first_name_of_their_metadata(tmp_path):
    path = f"{SITE}/Foo.Bar_Baz-1.0.dist-info/METADATA"
    assert inventory(tmp_path, (path, metadata("Foo.Bar_Baz", "1.0"))).packages == (
        Package("pypi", "foo-bar-baz", "1.0", path=path),
    )


@pytest.mark.parametrize("path", ["x-1.egg-info/PKG-INFO", "x-1.egg-info"])
def test_packages_of_older_installers_count(tmp_path, path):
    assert inventory(tmp_path, (f"{SITE}/{path}", metadata("x", "1"))).packages == (
        Package("pypi", "x", "1", path=f"{SITE}/{path}"),
    )


def test_a_dist_info_without_metadata_is_a_gap(tmp_path):
    got = inventory(tmp_path, (f"{SITE}/x-1.dist-info/RECORD", ""), (f"{SITE}/x-1.dist-info/WHEEL", ""))
    assert (got.packages, got.gaps) == ((), (f"Python: /{SITE}/x-1.dist-info has no METADATA",))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "name '', version ''"),
        ("Name: x\n", "name 'x', version ''"),
        (metadata("../../etc", "1"), "name '../../etc', version '1'"),
        (metadata("é", "1"), "name 'é', version '1'"),
        (metadata("x", "1 or 2"), "name 'x', version '1 or 2'"),
        ("\x00\x01 no header at all", "name '', version ''"),
    ],
)
def test_metadata_that_names_no_package_is_a_gap(tmp_path, text, named):
    got = inventory(tmp_path, (f"{SITE}/x.dist-info/METADATA", text))
    assert got.gaps == (f"Python: /{SITE}/x.dist-info/METADATA names no package: {named}",)


def test_a_package_that_a_later_layer_removes_is_not_listed(tmp_path):
    below = layer((f"{SITE}/x-1.dist-info/METADATA", metadata("x", "1")), (f"{SITE}/x-1.dist-info/RECORD", ""))
    digest = image(tmp_path, below, layer((f"{SITE}/.wh.x-1.dist-info", "")))
    document = inspect.layout("x", tmp_path, digest).document
    assert layers.read(document["layers"], layers.in_layout(tmp_path), packages.choose) == {}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("app/node_modules/left-pad/package.json", "npm"),
        ("app/node_modules/@scope/name/package.json", "npm"),
        ("opt/app.jar", "Java"),
        ("opt/App.WAR", "Java"),
        ("lib/apk/db/installed", "apk"),
        ("var/lib/rpm/rpmdb.sqlite", "rpm"),
        ("usr/lib/sysimage/rpm/Packages.db", "rpm"),
        ("var/lib/pacman/local/zlib-1.3/desc", "pacman"),
        ("opt/conda/conda-meta/zlib-1.3.json", "conda"),
        ("usr/lib/ruby/gems/3.3.0/specifications/rake-13.gemspec", "Ruby"),
        ("app/vendor/composer/installed.json", "PHP"),
        ("app/service.deps.json", ".NET"),
    ],
)
def test_an_ecosystem_that_is_not_read_is_a_gap(tmp_path, path, kind):
    assert inventory(tmp_path, (path, "content")).gaps == (f"{kind}: /{path} not read",)


def test_many_files_of_one_ecosystem_are_one_gap(tmp_path):
    members = [(f"app/node_modules/{name}/package.json", "{}") for name in ("a", "b", "c")]
    assert inventory(tmp_path, *members).gaps == ("npm: /app/node_modules/a/package.json and 2 more not read",)


GO = b"\x7fELF" + bytes(60) + b"\xff Go buildinf:\x08\x02"


@pytest.mark.parametrize("before", [60, (1 << 20) - 9], ids=["in the first piece", "between two pieces"])
def test_a_go_program_is_a_gap_wherever_its_mark_is(before):
    content = b"\x7fELF" + bytes(before) + packages._GO + b"rest"
    chosen = packages.choose("bin/tool", info("bin/tool", len(content), mode=0o755), lambda: io.BytesIO(content))
    assert chosen == File(gap="Go")


@pytest.mark.parametrize(
    ("content", "mode"), [(GO, 0o644), (b"#!/bin/sh\n" + GO, 0o755), (b"\x7fELF" + bytes(3 << 20), 0o755)]
)
def test_other_files_are_no_go_programs(content, mode):
    assert packages.choose("x", info("x", len(content), mode=mode), lambda: io.BytesIO(content)) is None


def test_a_status_that_is_a_link_or_enormous_is_a_gap(tmp_path):
    assert inventory(tmp_path, info(STATUS, kind=tarfile.SYMTYPE, target="/elsewhere")).gaps == (
        f"links: /{STATUS} not read",
    )
    large = packages.choose(STATUS, info(STATUS, packages.LARGEST + 1), lambda: io.BytesIO())
    assert large == File(gap="large files")


def test_the_interpreter_that_the_official_image_makes_from_source_is_a_package(tmp_path):
    assert inventory(tmp_path, ("x", ""), environment={"PYTHON_VERSION": "3.13.9"}.items()).packages == (
        Package("generic", "python", "3.13.9"),
    )
    strange = inventory(tmp_path, ("x", ""), environment={"PYTHON_VERSION": "3\n"}.items())
    assert strange.gaps == ("PYTHON_VERSION of the image is no version: '3\\n'",)


@pytest.mark.parametrize("path", ["etc/os-release", "usr/lib/os-release"])
def test_the_operating_system_is_that_of_os_release(tmp_path, path):
    assert inventory(tmp_path, (path, RELEASE)).system == {"ID": "debian", "VERSION_ID": "13"}


def test_a_link_to_os_release_does_not_hide_the_file(tmp_path):
    link = info("etc/os-release", kind=tarfile.SYMTYPE, target="../usr/lib/os-release")
    assert inventory(tmp_path, link, ("usr/lib/os-release", RELEASE)).system["ID"] == "debian"


def test_control_characters_in_a_path_reach_nobody_s_screen(tmp_path):
    got = inventory(tmp_path, ("a\x1b[2J/node_modules/x/package.json", ""), ("b\udcff.jar", ""))
    assert got.gaps == ("Java: /b?.jar not read", "npm: /a?[2J/node_modules/x/package.json not read")
