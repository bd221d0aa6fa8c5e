"""The SBOM of an image: valid CycloneDX 1.6, the same bytes for the same image, and honest about gaps."""

import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from support.image_layers import RELEASE, STATUS, image, layer, metadata, paragraph

from delivery.image import inspect, layers, sbom
from delivery.image.dockerfile import Base, full_name
from delivery.image.recipe import Recipe

BASE = "sha256:" + "b" * 64
PINNED = f"python:3.13-slim@{BASE}"
LOCK = f"starlette==1.10.0 \\\n    --hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'c' * 64}\n"
PACKAGES = layer(
    ("usr/lib/os-release", RELEASE),
    (STATUS, paragraph("libstdc++6", "1:14.2.0-19", Source="gcc-14") + paragraph("openssl", "3.5.1-1~deb13u1")),
    ("dependencies/starlette-1.10.0.dist-info/METADATA", metadata("starlette", "1.10.0")),
    ("usr/lib/python3.13/site-packages/pip-25.1.dist-info/METADATA", metadata("pip", "25.1")),
    ("dependencies/pip-25.1.dist-info/METADATA", metadata("pip", "25.1")),
)


@pytest.fixture(scope="module")
def valid():
    """Asserts that an SBOM is valid by CycloneDX's own schema, and that each purl has its canonical form."""
    validator = JsonStrictValidator(SchemaVersion.V1_6)

    def check(bom):
        problem = validator.validate_str(sbom.encode(bom).decode())
        assert problem is None, problem
        for component in bom["components"]:
            if purl := component.get("purl"):
                assert PackageURL.from_string(purl).to_string() == purl
        return bom

    return check


def make(folder, *contents, lock="", base=None, **settings):
    digest = image(folder, *contents, **settings)
    inspected = inspect.layout("x", folder, digest)
    return sbom.make(inspected, layers.in_layout(folder), Recipe("orders", {}, lock, base=base))


def pinned(name, digest=BASE):
    return Base(name, full_name(name), digest)


def component(bom, name):
    return next(each for each in bom["components"] if each["name"] == name)


def test_an_sbom_names_the_image_its_base_its_system_and_its_packages(tmp_path, valid):
    bom = valid(make(tmp_path, PACKAGES, lock=LOCK, base=pinned(PINNED)))
    digest = image(tmp_path, PACKAGES)
    subject = bom["metadata"]["component"]
    assert (subject["name"], subject["version"]) == ("orders", digest)
    assert subject["hashes"] == [{"alg": "SHA-256", "content": digest[7:]}]
    assert subject["purl"] == f"pkg:oci/orders@{digest}?arch=amd64"
    assert [each.get("purl", each["name"]) for each in bom["components"]] == [
        f"pkg:oci/python@{BASE}?repository_url=docker.io/library/python&tag=3.13-slim",
        "debian",
        "pkg:deb/debian/libstdc%2B%2B6@1:14.2.0-19?arch=amd64&distro=debian-13&upstream=gcc-14",
        "pkg:deb/debian/openssl@3.5.1-1~deb13u1?arch=amd64&distro=debian-13",
        "pkg:pypi/pip@25.1",
        "pkg:pypi/starlette@1.10.0",
    ]


def test_a_python_package_has_the_hashes_of_the_lock_and_another_one_has_none(tmp_path, valid):
    bom = valid(make(tmp_path, PACKAGES, lock=LOCK))
    (reference,) = component(bom, "starlette")["externalReferences"]
    assert [each["content"] for each in reference["hashes"]] == ["a" * 64, "c" * 64]
    assert "externalReferences" not in component(bom, "pip")


def test_the_lock_gives_no_hash_to_another_version(tmp_path):
    bom = make(tmp_path, PACKAGES, lock=LOCK.replace("1.10.0", "1.10.1"))
    assert "externalReferences" not in component(bom, "starlette")


def test_a_package_in_two_places_is_one_component_with_both(tmp_path):
    places = component(make(tmp_path, PACKAGES), "pip")["evidence"]["occurrences"]
    assert [each["location"] for each in places] == [
        "/dependencies/pip-25.1.dist-info/METADATA",
        "/usr/lib/python3.13/site-packages/pip-25.1.dist-info/METADATA",
    ]


def test_the_same_image_gives_the_same_bytes_and_another_one_another_serial_number(tmp_path):
    first = make(tmp_path / "1", PACKAGES, lock=LOCK, base=pinned(PINNED))
    assert sbom.encode(first) == sbom.encode(make(tmp_path / "2", PACKAGES, lock=LOCK, base=pinned(PINNED)))
    other = make(tmp_path / "3", PACKAGES, layer(("x", "")))
    assert first["serialNumber"] != other["serialNumber"]
    assert "timestamp" not in sbom.encode(first).decode()


def test_an_ecosystem_that_is_not_read_makes_the_sbom_say_that_it_is_incomplete(tmp_path, valid):
    bom = valid(make(tmp_path, PACKAGES, layer(("app/node_modules/left-pad/package.json", "{}"))))
    gap = "npm: /app/node_modules/left-pad/package.json not read"
    assert bom["metadata"]["properties"] == [{"name": "delivery:gap", "value": gap}]
    subject = bom["metadata"]["component"]["bom-ref"]
    assert bom["compositions"] == [{"aggregate": "incomplete", "assemblies": [subject]}]


def test_without_a_gap_the_sbom_does_not_claim_to_be_complete(tmp_path):
    """A file that no package owns may be anything."""
    bom = make(tmp_path, PACKAGES)
    assert bom["compositions"][0]["aggregate"] == "unknown"
    assert "properties" not in bom["metadata"]


def test_an_image_without_any_package_has_a_valid_sbom(tmp_path, valid):
    assert valid(make(tmp_path, layer(("app", "binary"))))["components"] == []


def test_a_python_that_was_made_from_source_is_an_application(tmp_path, valid):
    bom = valid(make(tmp_path, PACKAGES, Env=["PATH=/bin", "PYTHON_VERSION=3.13.9", "EMPTY"]))
    assert component(bom, "python")["purl"] == "pkg:generic/python@3.13.9"
    assert component(bom, "python")["type"] == "application"


@pytest.mark.parametrize(
    ("reference", "name", "tag"),
    [
        ("public.ecr.aws/lambda/python:3.13", "public.ecr.aws/lambda/python", "&tag=3.13"),
        ("mirror.test:5000/python", "mirror.test:5000/python", "&tag=latest"),
        (f"mirror.test:5000/python@{BASE}", "mirror.test:5000/python", ""),
        ("python", "docker.io/library/python", "&tag=latest"),
    ],
)
def test_a_base_of_any_registry_is_a_container_with_its_digest(tmp_path, valid, reference, name, tag):
    (base, *_) = valid(make(tmp_path, PACKAGES, base=pinned(reference)))["components"]
    assert (base["type"], base["name"], base["version"]) == ("container", name, BASE)
    assert base["purl"] == f"pkg:oci/python@{BASE}?repository_url={name}{tag}"


def test_a_stand_in_for_the_base_keeps_the_name_of_the_dockerfile(tmp_path, valid):
    stand_in = Base(PINNED, "mirror.test/python:3.13-slim", BASE)
    (base, *_) = valid(make(tmp_path, PACKAGES, base=stand_in))["components"]
    assert base["name"] == "mirror.test/python"
    assert base["properties"] == [{"name": "delivery:from", "value": PINNED}]


@pytest.mark.parametrize(
    ("base", "named"),
    [
        (pinned("python", ""), "pkg:oci/python?repository_url=docker.io/library/python&tag=latest"),
        (Base("base", "https://me:secret@git.test/x.git?token=secret", "", is_image=False), "https://git.test/x.git"),
    ],
)
def test_a_base_without_a_known_digest_is_a_gap_and_no_password_is_named(tmp_path, valid, base, named):
    bom = valid(make(tmp_path, PACKAGES, base=base))
    assert bom["metadata"]["properties"] == [
        {"name": "delivery:gap", "value": f"base: the digest of {named} is not known"}
    ]
    assert "secret" not in sbom.encode(bom).decode()


def test_absurd_names_make_a_valid_sbom_with_gaps(tmp_path, valid):
    strange = [
        ("a\x1b\udcff/node_modules/x/package.json", "{}"),
        ("x.dist-info/METADATA", metadata("\x00" * 5000, "é" * 5000)),
        ("\udcfe/y-1.dist-info/METADATA", metadata("y", "1")),
        (STATUS, paragraph("a" * 100_000) + paragraph("ok", "1%2F?#&=~+")),
    ]
    bom = valid(make(tmp_path, layer(*strange)))
    assert [each["name"] for each in bom["components"]] == ["y"]
    assert len(bom["metadata"]["properties"]) == 4
    assert all(len(each["value"]) < 300 for each in bom["metadata"]["properties"])
    json.loads(sbom.encode(bom).decode("ascii"))


def test_a_package_of_another_distribution_has_its_own_namespace(tmp_path, valid):
    members = (("etc/os-release", 'ID=ubuntu\nVERSION_ID="24.04"\n'), (STATUS, paragraph()))
    bom = valid(make(tmp_path, layer(*members)))
    assert component(bom, "openssl")["purl"] == "pkg:deb/ubuntu/openssl@3.5.1-1?arch=amd64&distro=ubuntu-24.04"
