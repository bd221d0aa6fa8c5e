"""The files of an image: what a container would have after all layers."""

import gzip
import tarfile

import pytest
from support.image_layers import info, layer, packed, store

from delivery.errors import BuildError
from delivery.image import layers
from delivery.image.layers import File


def everything(_, member, opened):
    """A reader that chooses every file."""
    return File(opened().read().decode() if member.isreg() else None)


def contents(folder, *content):
    descriptors = [store(folder, each) for each in content]
    files = layers.read(descriptors, layers.in_layout(folder), everything)
    return {path: file.text for path, file in files.items()}


def test_a_file_of_a_later_layer_replaces_that_of_an_earlier_one(tmp_path):
    assert contents(tmp_path, layer(("a", "1"), ("b", "1")), layer(("./a", "2"))) == {"a": "2", "b": "1"}


@pytest.mark.parametrize("path", ["./etc/x", "/etc/x", "etc//x", "etc/../etc/x"])
def test_one_path_has_one_name_however_the_tar_file_writes_it(tmp_path, path):
    assert contents(tmp_path, layer((path, "1")), layer(("etc/x", "2"))) == {"etc/x": "2"}


def test_layers_without_gzip_and_with_several_members_of_gzip_are_read(tmp_path):
    plain = layer(("b", "2" * 100_000), compress=False)
    members = gzip.compress(plain[:700]) + gzip.compress(plain[700:])
    assert contents(tmp_path, layer(("a", "1"), compress=False), members) == {"a": "1", "b": "2" * 100_000}


def test_a_whiteout_removes_a_file_or_a_whole_folder_of_the_layers_below(tmp_path):
    below = layer(("a/b/c", "1"), ("a/d", "1"), ("e", "1"), ("eels", "1"))
    assert contents(tmp_path, below, layer(("a/.wh.b", ""), (".wh.e", ""))) == {"a/d": "1", "eels": "1"}


@pytest.mark.parametrize("order", [1, -1], ids=["whiteout first", "whiteout last"])
def test_an_opaque_whiteout_hides_the_layers_below_and_nothing_of_its_own_layer(tmp_path, order):
    members = [("a/.wh..wh..opq", ""), ("a/new", "2")][::order]
    assert contents(tmp_path, layer(("a/old", "1"), ("ab", "1")), layer(*members)) == {"a/new": "2", "ab": "1"}


def test_an_opaque_whiteout_of_the_root_hides_all_layers_below(tmp_path):
    assert contents(tmp_path, layer(("a/old", "1"), ("b", "1")), layer((".wh..wh..opq", ""), ("c", "2"))) == {"c": "2"}


def test_a_whiteout_does_not_remove_a_file_of_its_own_layer(tmp_path):
    """Image spec, layer.md: files in the same layer as a whiteout can be hidden only by subsequent layers."""
    assert contents(tmp_path, layer(("a/x", "1")), layer(("a/x", "2"), ("a/.wh.x", ""))) == {"a/x": "2"}


def test_a_file_that_takes_the_place_of_a_folder_removes_what_was_in_it_and_the_other_way_round(tmp_path):
    below = layer(("folder/x", "1"), ("file", "1"))
    above = layer(info("folder", kind=tarfile.SYMTYPE, target="/other"), info("file", kind=tarfile.DIRTYPE))
    assert contents(tmp_path, below, above) == {"folder": None}


def test_a_folder_that_is_listed_again_keeps_what_is_in_it(tmp_path):
    again = layer(info("folder", kind=tarfile.DIRTYPE))
    assert contents(tmp_path, layer(("folder/x", "1")), again) == {"folder/x": "1"}


def test_a_hard_link_has_the_content_of_its_target(tmp_path):
    linked = layer(("a", "1"), info("b", kind=tarfile.LNKTYPE, target="./a"))
    assert contents(tmp_path, linked) == {"a": "1", "b": "1"}


@pytest.mark.parametrize("content", [b"no tar file" * 100, layer(("a", "1"))[:-9], packed(b"x" * 600)])
def test_a_layer_that_is_damaged_is_refused_with_its_digest(tmp_path, content):
    descriptor = store(tmp_path, content)
    with pytest.raises(BuildError, match=f"The layer {descriptor['digest']} cannot be read"):
        layers.read([descriptor], layers.in_layout(tmp_path), everything)


def test_a_layer_with_other_bytes_than_its_digest_names_is_refused(tmp_path):
    descriptor = store(tmp_path, layer(("a", "1")))
    (tmp_path / "blobs" / descriptor["digest"].replace(":", "/")).write_bytes(layer(("a", "2")))
    with pytest.raises(BuildError, match="has other bytes than its digest names"):
        layers.read([descriptor], layers.in_layout(tmp_path), everything)


def test_bytes_behind_the_end_of_the_tar_file_count_for_the_digest(tmp_path):
    padded = gzip.compress(layer(("a", "1"), compress=False) + bytes(1_000_000))
    assert contents(tmp_path, padded) == {"a": "1"}
