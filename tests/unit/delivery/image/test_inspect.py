"""A built image in a folder: what is read out of it."""

import gzip
import hashlib
import json
import tracemalloc

import pytest
from support.build import CONFIG, DIGEST, blob, layout, manifest

from delivery.errors import BuildError
from delivery.image import inspect

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"


def add(folder, content):
    """Put a blob into a layout; returns it as a layer."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    blob(folder, digest).write_bytes(content)
    return {"mediaType": GZIP, "digest": digest, "size": len(content)}


def test_an_image_is_read_with_its_configuration(tmp_path):
    assert layout(tmp_path / "x") == DIGEST
    recorded = inspect.layout("x", tmp_path / "x", DIGEST)
    assert (recorded.config, recorded.manifest.decode()) == (CONFIG, manifest())
    assert recorded.uncompressed == 26_500_000, "layers that are not compressed count as they are"


def test_compressed_layers_are_counted_to_their_last_member(tmp_path):
    members = gzip.compress(b"a" * 5_000_000) + gzip.compress(b"b" * 3_000_000) + gzip.compress(b"c")
    layer = add(tmp_path / "x", members)
    config = add(tmp_path / "x", json.dumps(CONFIG).encode())
    text = manifest(layers=[layer], config=config)
    digest = add(tmp_path / "x", text.encode())["digest"]
    assert inspect.layout("x", tmp_path / "x", digest).uncompressed == 8_000_001


def test_a_layer_of_any_length_is_counted_in_a_few_megabytes_of_memory(tmp_path):
    layer = add(tmp_path / "x", gzip.compress(bytes(100_000_000)))
    config = add(tmp_path / "x", json.dumps(CONFIG).encode())
    digest = add(tmp_path / "x", manifest(layers=[layer], config=config).encode())["digest"]
    tracemalloc.start()
    try:
        assert inspect.layout("x", tmp_path / "x", digest).uncompressed == 100_000_000
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_target_that_leaves_no_image_is_reported_with_its_output(tmp_path):
    with pytest.raises(BuildError) as caught:
        inspect.layout("x", tmp_path / "ticker", DIGEST)
    assert 'output = output("ticker")' in caught.value.hint


def test_a_digest_that_is_not_there_is_reported(tmp_path):
    layout(tmp_path / "x")
    with pytest.raises(BuildError, match="did not write sha256:eee"):
        inspect.layout("x", tmp_path / "x", "sha256:" + "e" * 64)


def test_bytes_that_are_not_what_their_digest_says_are_refused(tmp_path):
    layout(tmp_path / "x")
    wrong = "sha256:" + "c" * 64  # the name of the configuration, whose bytes are not its hash here
    with pytest.raises(BuildError, match="holds other bytes"):
        inspect.layout("x", tmp_path / "x", wrong)
