"""The layout of an image that a run has left, and what the next run makes of it."""

import json

import pytest
from support.build import CONFIG_DIGEST, blob, digest_of, layout, manifest

from delivery.image import inspect, layouts

LAYERS = [f"sha256:{letter * 64}" for letter in "12"]
OLD = f"sha256:{'0' * 64}"


@pytest.fixture
def kept(tmp_path):
    """The folder with the layout of the image x."""
    layout(tmp_path / "kept" / "x")
    return tmp_path / "kept"


def test_a_layout_is_taken_by_one_run_without_the_index_of_the_image_that_it_was(kept, tmp_path):
    assert layouts.take(kept, tmp_path / "first", ["x"])
    assert not layouts.take(kept, tmp_path / "second", ["x"])
    assert (tmp_path / "first" / "x" / "blobs").is_dir()
    assert not (tmp_path / "first" / "x" / "index.json").exists()
    assert not (tmp_path / "second" / "x").exists()


def test_without_a_layout_the_build_writes_a_whole_one(tmp_path):
    assert not layouts.take(tmp_path / "kept", tmp_path / "run", ["x"])
    assert not (tmp_path / "run" / "x").exists()


def test_of_two_images_one_layout_is_not_enough_but_taken(kept, tmp_path):
    assert not layouts.take(kept, tmp_path / "run", ["a", "x"])
    assert (tmp_path / "run" / "x" / "blobs").is_dir()


def test_an_image_leaves_its_own_blobs_and_the_lengths_of_its_layers(tmp_path):
    folder = tmp_path / "x"
    document = {"config": {"digest": CONFIG_DIGEST}, "layers": [{"digest": each} for each in LAYERS]}
    for digest in (OLD, digest_of(manifest()), CONFIG_DIGEST, *LAYERS):
        blob(folder, digest).touch()
    layouts.complete(folder, digest_of(manifest()), document, {LAYERS[0]: 7, OLD: 8})
    assert not blob(folder, OLD).exists()
    assert all(blob(folder, each).exists() for each in (digest_of(manifest()), CONFIG_DIGEST, *LAYERS))
    assert layouts.lengths(folder) == {LAYERS[0]: 7}


def test_a_layer_that_an_earlier_run_has_counted_is_not_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(inspect, "_LENGTHS", {})
    kind = "application/vnd.oci.image.layer.v1.tar+gzip"
    digest = layout(tmp_path / "x", layers=[{"mediaType": kind, "digest": LAYERS[0], "size": 1}])
    (tmp_path / "x" / "lengths.json").write_text(json.dumps({LAYERS[0]: 7}))
    assert not blob(tmp_path / "x", LAYERS[0]).exists()
    assert inspect.layout("x", tmp_path / "x", digest).uncompressed == 7


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"sha256:1": null}', '{"sha256:1": "x"}'])
def test_lengths_that_cannot_be_read_are_counted_again(tmp_path, text):
    (tmp_path / "lengths.json").write_text(text)
    assert layouts.lengths(tmp_path) == {}
