"""An image that is made twice from the same files is the same image."""

import json
import os
import tarfile

import pytest

from sandbox.base_image import oci

PYTHON = oci.Configuration("amd64", {"PATH": "/usr/bin"}, ("python3",), "made by a test")


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
def test_a_short_name_gets_the_default_registry_and_namespace(short, full):
    assert oci.full_name(short) == full


def files(folder, age):
    """The same files for each `age`, made in another order and at another time."""
    names = ["b/second", "a/first", "top"]
    for name in names if age % 2 else reversed(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
        os.utime(folder / name, (age, age))
    (folder / "a/link").symlink_to("../top")
    (folder / "top").chmod(0o755)
    return folder


def test_the_same_files_make_the_same_image_at_any_time_and_in_any_folder(tmp_path):
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
    for name in ("first", "second"):
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
