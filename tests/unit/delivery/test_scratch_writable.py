"""The folder of one run needs a `.deploy` that can be written."""

import os

import pytest
from support.shell import FakeShell

from delivery import scratch
from delivery.errors import ConfigurationError


def refused(parent):
    with pytest.raises(ConfigurationError) as caught, scratch.folder(parent, FakeShell()):
        pytest.fail("nothing may start")
    return caught.value


@pytest.mark.parametrize("name", ["", "prod"])
def test_a_folder_that_another_user_made_is_named_with_the_command_that_gives_it_back(tmp_path, monkeypatch, name):
    theirs = tmp_path / name
    theirs.mkdir(exist_ok=True)
    monkeypatch.setattr(os, "access", lambda path, _: path != theirs)
    error = refused(tmp_path)
    assert error.what == f"The folder {theirs} cannot be written."
    assert error.hint.startswith(f"sudo chown -R {os.geteuid()} {theirs}")


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / ".deploy").write_text("")
    assert refused(tmp_path / ".deploy").exit_code == 2


def test_the_private_folder_of_another_user_s_run_is_no_obstacle(tmp_path, monkeypatch):
    (tmp_path / f"run-{os.getpid()}").mkdir()
    monkeypatch.setattr(os, "access", lambda path, _: not path.name.startswith("run-"))
    with scratch.folder(tmp_path, FakeShell()) as mine:
        assert mine.is_dir()
    assert not mine.exists()
