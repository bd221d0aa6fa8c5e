"""The commit that is being delivered."""

import pytest
from fakes import FakeShell

from delivery import source
from delivery.errors import ConfigurationError
from delivery.shell import Result
from delivery.source import Source

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def shell(status="", log=f"{COMMIT} 1700000000\n"):
    return FakeShell({"git log -1 --format=%H %ct": log, "git status --porcelain": status})


def test_a_clean_tree_is_its_commit(tmp_path):
    fake = shell()
    found = source.read(tmp_path, fake)
    assert found == Source(COMMIT, dirty=False, committed_at=1_700_000_000)
    assert (found.tag, found.short) == (COMMIT, "0123456789ab")
    assert {command.cwd for command in fake.ran} == {tmp_path}


@pytest.mark.parametrize("status", [" M app.py\n", "?? new.py\n"])
def test_a_changed_or_new_file_marks_the_tag(tmp_path, status):
    found = source.read(tmp_path, shell(status))
    assert found.dirty
    assert (found.tag, found.short) == (f"{COMMIT}-dirty", "0123456789ab-dirty")


def test_outside_a_checkout_git_is_quoted(tmp_path):
    log = Result(128, "", "fatal: not a git repository (or any of the parent directories): .git\n")
    with pytest.raises(ConfigurationError) as caught:
        source.read(tmp_path, shell(log=log))
    assert str(caught.value) == (
        "The commit could not be read.\n"
        "  fatal: not a git repository (or any of the parent directories): .git\n"
        "  try: git clone the project, or `git init` and commit"
    )


def test_a_tree_that_git_cannot_compare_does_not_pass_for_a_clean_one(tmp_path):
    with pytest.raises(ConfigurationError, match="index"):
        source.read(tmp_path, shell(status=Result(128, "", "fatal: index file corrupt\n")))
