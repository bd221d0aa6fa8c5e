"""The folders and the machine-wide names of a checkout's sandbox."""

from sandbox.layout import Layout


def test_two_spellings_of_a_checkouts_path_give_the_same_names(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    assert Layout.of(tmp_path / "link" / ".." / tmp_path.name) == Layout.of(tmp_path)


def test_two_checkouts_share_no_machine_wide_name(tmp_path):
    first, second = Layout.of(tmp_path / "first"), Layout.of(tmp_path / "second")
    assert first.bridge != second.bridge
    assert first.run != second.run


def test_names_are_as_short_as_the_kernel_demands(tmp_path):
    layout = Layout.of(tmp_path / ("long" * 40))
    assert len(layout.bridge) <= 15
    assert len(str(layout.run / "exec/containerd/containerd.sock.ttrpc")) <= 107


def test_all_folders_but_that_of_the_sockets_are_below_one_folder_of_the_checkout(tmp_path):
    layout = Layout.of(tmp_path)
    for folder in (layout.cache, layout.logs, layout.state, layout.engine):
        assert folder.is_relative_to(tmp_path / ".sandbox")
