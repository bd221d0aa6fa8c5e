"""The commit that is being delivered."""

import pytest
from support.shell import FakeShell

from delivery import git
from delivery.errors import ConfigurationError, RefusedError
from delivery.git import Commit
from delivery.process.shell import Result

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def shell(status="", log=f"{COMMIT} 1700000000\n"):
    return FakeShell({"git log --no-show-signature -1 --format=%H %ct": log, "git status --porcelain": status})


def test_a_clean_tree_is_its_commit(tmp_path):
    fake = shell()
    result = git.read_commit(tmp_path, fake)
    assert result == Commit(COMMIT, dirty=False, committed_at=1_700_000_000)
    assert (result.tag, result.short) == (COMMIT, "0123456789ab")
    assert {command.cwd for command in fake.ran} == {tmp_path}


@pytest.mark.parametrize("status", [" M app.py\n", "?? new.py\n"])
def test_a_changed_or_new_file_marks_the_tag(tmp_path, status):
    result = git.read_commit(tmp_path, shell(status))
    assert result.dirty
    assert (result.tag, result.short) == (f"{COMMIT}-dirty", "0123456789ab-dirty")


def test_outside_a_checkout_git_is_quoted(tmp_path):
    log = Result(128, "", "fatal: not a git repository (or any of the parent directories): .git\n")
    with pytest.raises(ConfigurationError) as caught:
        git.read_commit(tmp_path, shell(log=log))
    assert str(caught.value) == (
        "The commit could not be read.\n"
        "  fatal: not a git repository (or any of the parent directories): .git\n"
        "  try: git clone the project, or `git init` and commit"
    )


def test_a_tree_that_git_cannot_compare_does_not_pass_for_a_clean_one(tmp_path):
    with pytest.raises(ConfigurationError, match="index"):
        git.read_commit(tmp_path, shell(status=Result(128, "", "fatal: index file corrupt\n")))


def branches(*known, contains=()):
    """A repository with these branches, the commit on those in `contains`."""

    def parsed(command):
        return Result(0 if command.argv[-1].removesuffix("^{commit}") in known else 1, "", "")

    def ancestor(command):
        assert command.argv[-2] == COMMIT
        return Result(0 if command.argv[-1] in contains else 1, "", "")

    return FakeShell({"git rev-parse --verify --quiet": parsed, "git merge-base --is-ancestor": ancestor})


@pytest.mark.parametrize("known", [("origin/main", "main"), ("origin/main",), ("main",)])
def test_a_commit_on_the_default_branch_passes(tmp_path, known):
    git.require_merged(tmp_path, COMMIT, "main", branches(*known, contains=known[:1]))


@pytest.mark.parametrize(
    ("known", "contains", "why"),
    [
        (("origin/main", "main"), ("main",), "It is not on origin/main."),
        (("main",), (), "It is not on main."),
        (("trunk",), ("trunk",), "There is no branch main here."),
    ],
)
def test_a_commit_that_is_not_on_what_everyone_has_is_refused(tmp_path, known, contains, why):
    with pytest.raises(RefusedError) as caught:
        git.require_merged(tmp_path, COMMIT, "main", branches(*known, contains=contains))
    assert caught.value.what == "Commit 0123456789ab is not on the default branch."
    assert caught.value.why.startswith(why)
    assert "git fetch origin main" in caught.value.hint


def test_a_person_s_git_settings_and_variables_do_not_change_what_is_read(tmp_path):
    fake = shell()
    git.read_commit(tmp_path, fake)
    assert "--no-show-signature" in fake.ran[0].argv, "log.showSignature may print more lines"
    for command in fake.ran:
        assert {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"} <= set(command.without)
    assert "--untracked-files=all" in fake.ran[-1].argv, "status.showUntrackedFiles may hide new files"
