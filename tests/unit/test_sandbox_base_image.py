"""Which images Dockerfiles start from, and that an image made twice is the same image."""

import json
import os
import tarfile

import pytest

from sandbox.base_image import images, oci
from sandbox.engine.client import Engine
from sandbox.errors import SandboxError
from sandbox.layout import Layout

PYTHON = oci.Configuration("amd64", {"PATH": "/usr/bin"}, ("python3",), "made by a test")


@pytest.mark.parametrize(
    ("dockerfile", "named"),
    [
        ("FROM python:3.13-slim\n", ("python:3.13-slim",)),
        ("# FROM no\n  from --platform=linux/amd64 python:3.13-slim as base\n", ("python:3.13-slim",)),
        ("FROM a AS base\nFROM base AS next\nFROM Next\n", ("a",)),
        ("FROM a\nFROM b\nFROM a\n", ("a", "b")),
        ("FROM scratch\nCOPY --from=x . .\n", ()),
        ("FROM \\\n  a:1 \\\n  AS base\n", ("a:1",)),
        ("ARG VERSION=3.13\nARG KIND='slim'\nFROM python:${VERSION}-$KIND\n", ("python:3.13-slim",)),
        ("ARG BASE\nFROM ${BASE}\n", ("${BASE}",)),
        ("RUN echo FROM nowhere\n", ()),
    ],
)
def test_references_are_what_a_dockerfile_needs_from_outside(dockerfile, named):
    assert images.references(dockerfile) == named


def test_a_reference_known_only_at_build_time_is_refused_by_name_of_its_dockerfile(tmp_path):
    place = tmp_path / "src/lambdas/one"
    place.mkdir(parents=True)
    (place / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    engine = Engine(variables={}, description="none", private=True, gateway="")
    with pytest.raises(SandboxError) as failure:
        images.ensure_all(Layout.of(tmp_path), engine, print)
    assert "src/lambdas/one/Dockerfile: base image ${BASE}" in failure.value.message
    assert failure.value.hint == "give its ARG a default"


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("python:3.13-slim", "docker.io/library/python:3.13-slim"),
        ("someone/python:1", "docker.io/someone/python:1"),
        ("localhost/python:1", "localhost/python:1"),
        ("127.0.0.1:5000/python:1", "127.0.0.1:5000/python:1"),
        ("mirror.test/library/python:1", "mirror.test/library/python:1"),
    ],
)
def test_an_image_is_loaded_under_its_full_name(short, full):
    assert oci.full_name(short) == full


def files(folder, age):
    """The same files as last time, made in another order and at another time."""
    names = ["b/second", "a/first", "top"]
    for name in names if age % 2 else reversed(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
        os.utime(folder / name, (age, age))
    (folder / "a/link").symlink_to("../top")
    (folder / "top").chmod(0o755)
    return folder


def test_the_same_files_make_the_same_image_whenever_and_wherever_they_are_packed(tmp_path):
    digests = set()
    for age in (1, 1_700_000_000):
        layer = oci.write_layer(files(tmp_path / str(age), age), tmp_path / f"{age}.tar.gz")
        digests.add((layer.digest, oci.write_archive(layer, PYTHON, f"name:{age}", tmp_path / f"{age}.tar")))
    assert len(digests) == 1


def test_a_layer_is_sorted_and_records_no_time_of_packing(tmp_path):
    layer = oci.write_layer(files(tmp_path / "root", 1), tmp_path / "layer.tar.gz")
    with tarfile.open(layer.file) as packed:
        names = packed.getnames()
    assert names == sorted(names)
    assert len(names) == 6
    assert layer.file.read_bytes()[4:8] == bytes(4), "RFC 1952: bytes 4 to 7 of a gzip file are its time"


def test_a_changed_file_makes_another_image(tmp_path):
    layers = []
    for name in ("one", "two"):
        root = files(tmp_path / name, 1)
        (root / "top").write_text(name)
        layers.append(oci.write_layer(root, tmp_path / f"{name}.tar.gz"))
    assert layers[0].digest != layers[1].digest
    assert layers[0].diff_id != layers[1].diff_id


def test_an_archive_names_the_image_and_holds_every_blob_its_manifest_lists(tmp_path):
    layer = oci.write_layer(files(tmp_path / "root", 1), tmp_path / "layer.tar.gz")
    digest = oci.write_archive(layer, PYTHON, "python:3.13-slim", tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as archive:

        def read(name):
            return json.loads(archive.extractfile(name).read())

        entry = read("index.json")["manifests"][0]
        assert entry["digest"] == digest
        assert entry["annotations"]["io.containerd.image.name"] == "docker.io/library/python:3.13-slim"
        assert read("manifest.json")[0]["RepoTags"] == ["python:3.13-slim"]
        manifest = read(f"blobs/{digest.replace(':', '/')}")
        assert read(f"blobs/{manifest['config']['digest'].replace(':', '/')}")["architecture"] == "amd64"
        assert archive.getmember(f"blobs/{layer.digest.replace(':', '/')}").size == layer.size
