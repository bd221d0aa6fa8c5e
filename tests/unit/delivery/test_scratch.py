"""The folder of a run is its own until the run has ended, whatever its process number is."""

import contextlib
import os

import pytest

from delivery import scratch
from delivery.errors import BuildError, ConfigurationError
from delivery.process.shell import Shell


def test_a_run_leaves_the_folder_of_another_run_alone(tmp_path):
    with scratch.folder(tmp_path, Shell({})) as first:
        (first / "service.tfplan").touch()
        with scratch.folder(tmp_path, Shell({})) as second:
            assert second != first
        assert (first / "service.tfplan").exists()
        assert not second.exists()
    assert not first.exists()


def test_the_folder_of_a_killed_run_is_removed_by_the_next_though_a_process_has_its_number(tmp_path):
    for name in (f"run_{os.getpid()}", "run_abc"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").touch()
    (tmp_path / "run_abc" / "lock").touch()
    with scratch.folder(tmp_path, Shell({})) as mine:
        assert [path for path in tmp_path.iterdir() if path.is_dir()] == [mine]


def test_a_state_that_a_killed_run_could_not_write_is_kept(tmp_path):
    left = tmp_path / ".deploy" / "run_abc" / "commit_1" / "infrastructure" / "service"
    left.mkdir(parents=True)
    (left / "errored.tfstate").write_text("the only record")
    with scratch.folder(tmp_path / ".deploy", Shell({})):
        assert not left.exists()
    assert (tmp_path / "infrastructure" / "service" / "errored.tfstate").read_text() == "the only record"


def test_only_its_owner_may_read_a_folder(tmp_path):
    with scratch.folder(tmp_path / "new", Shell({})) as mine:
        assert mine.stat().st_mode & 0o777 == 0o700


def refused(parent):
    with pytest.raises(ConfigurationError) as caught, scratch.folder(parent, Shell({})):
        pytest.fail("nothing may start")
    return caught.value


@pytest.mark.parametrize("name", ["", "prod"])
def test_a_folder_that_another_user_made_is_named_with_the_command_that_gives_it_back(tmp_path, monkeypatch, name):
    theirs = tmp_path / name
    theirs.mkdir(exist_ok=True)
    monkeypatch.setattr(os, "access", lambda path, _: path != theirs)
    error = refused(tmp_path)
    assert error.what == f"The folder {theirs} cannot be written."
    assert error.hint.startswith(f'sudo chown -R "$(id -u)" {theirs}')


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / ".deploy").write_text("")
    assert refused(tmp_path / ".deploy").exit_code == 2


def test_the_private_folder_of_another_user_s_run_is_no_obstacle(tmp_path, monkeypatch):
    (tmp_path / f"run_{os.getpid()}").mkdir()
    monkeypatch.setattr(os, "access", lambda path, _: not path.name.startswith("run_"))
    with scratch.folder(tmp_path, Shell({})) as mine:
        assert mine.is_dir()
    assert not mine.exists()


def test_the_files_of_a_commit_stay_for_the_next_run_but_not_what_a_killed_run_has_written_in_part(tmp_path):
    with scratch.folder(tmp_path, Shell({})) as mine:
        for name in (scratch.exported(mine, "a" * 40), mine / f"partial-{scratch.exported(mine, 'b' * 40).name}"):
            name.mkdir()
            (name / "index").write_text(name.name)
    assert (scratch.kept(mine) / "index").read_text() == f"commit_{'a' * 40}"
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["commit_kept"]


def leave(parent, *images, fails=False):
    """A run that builds these images; returns the folder where they stay."""
    with contextlib.suppress(BuildError), scratch.folder(parent, Shell({})) as mine:
        for image in images:
            (mine / scratch.LAYOUTS / image).mkdir(parents=True)
            (mine / scratch.LAYOUTS / image / "oci-layout").touch()
            (mine / scratch.LAYOUTS / "pip.conf").write_text("with a password")
        if fails:
            raise BuildError("it is no image of Lambda")
    return scratch.kept_layouts(mine)


def test_the_layouts_of_images_stay_for_the_next_run_but_not_what_else_the_build_has_read(tmp_path):
    kept = leave(tmp_path, "one", "two")
    assert {path.name for path in kept.iterdir()} == {"one", "two"}
    assert kept.stat().st_mode & 0o077 == 0
    assert not list(tmp_path.rglob("pip.conf"))


def test_the_layouts_take_the_space_of_one_run(tmp_path):
    leave(tmp_path, "one", "two")
    assert [path.name for path in leave(tmp_path, "two").iterdir()] == ["two"]
    assert [path.name for path in leave(tmp_path).iterdir()] == ["two"], "a run that built nothing"


def test_a_run_that_fails_leaves_no_layout_which_may_be_the_reason(tmp_path):
    assert not leave(tmp_path, "one", fails=True).exists()


@pytest.mark.parametrize("name", ["run-1", "commit", "commit-kept"])
def test_no_environment_has_the_name_of_such_a_folder(tmp_path, name):
    """An environment has a folder of its name beside them, with Terraform's data."""
    (tmp_path / name / "service").mkdir(parents=True)
    with scratch.folder(tmp_path, Shell({})) as mine:
        assert scratch.kept(mine) != tmp_path / name
    assert (tmp_path / name / "service").is_dir()
