"""The commit that is being delivered."""

import pytest
from support.shell import FakeShell

from delivery import git
from delivery.errors import ConfigurationError, MissingToolError, RefusedError
from delivery.git import Commit
from delivery.process.shell import Result

COMMIT = "0123456789abcdef0123456789abcdef01234567"


STATUS = "git -c core.fsmonitor=false -c core.untrackedCache=false status --porcelain"
INPUTS = ("infrastructure", "src/lambdas")


def shell(status="", log=f"{COMMIT}\n", tracked="", new=""):
    """A repository: `status` of all of it, of `tracked` files of the project, and of `new` files in its inputs."""
    statuses = {
        f"{STATUS} --untracked-files=all": status,
        f"{STATUS} --untracked-files=no -- . infrastructure src/lambdas": tracked,
        f"{STATUS} --untracked-files=all -- infrastructure src/lambdas": new,
    }
    return FakeShell({"git log --no-show-signature -1 --format=%H": log, **statuses})


def read(tmp_path, fake, inputs=lambda: INPUTS):
    return git.read_commit(tmp_path, fake, inputs)


def test_a_clean_tree_is_its_commit(tmp_path):
    fake = shell()
    result = read(tmp_path, fake, lambda: pytest.fail("docker was asked for the inputs of a clean tree"))
    assert result == Commit(COMMIT, dirty=False)
    assert (result.tag, result.short) == (COMMIT, "0123456789ab")
    assert {command.cwd for command in fake.ran} == {tmp_path}


@pytest.mark.parametrize("place", ["tracked", "new"])
def test_a_changed_or_new_file_marks_the_tag(tmp_path, place):
    result = read(tmp_path, shell("a change\n", **{place: "a change\n"}))
    assert result.dirty
    assert (result.tag, result.short) == (f"{COMMIT}-dirty", "0123456789ab-dirty")


def test_outside_a_checkout_git_is_quoted(tmp_path):
    log = Result(128, "", "fatal: not a git repository (or any of the parent directories): .git\n")
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, shell(log=log))
    assert str(caught.value) == (
        "The commit could not be read.\n"
        "  fatal: not a git repository (or any of the parent directories): .git\n"
        "  try: git clone the project, or `git init` and commit"
    )


def test_a_tree_that_git_cannot_compare_does_not_pass_for_a_clean_one(tmp_path):
    with pytest.raises(ConfigurationError, match="index"):
        read(tmp_path, shell(status=Result(128, "", "fatal: index file corrupt\n")))


ORIGIN, LOCAL = "refs/remotes/origin/main", "refs/heads/main"


def branches(*known, contains=(), shallow=False):
    """A repository with these branches, the commit on those in `contains`."""

    def parsed(command):
        return Result(0 if command.argv[-1].removesuffix("^{commit}") in known else 1, "", "")

    def ancestor(command):
        assert command.argv[-2] == COMMIT
        return Result(0 if command.argv[-1] in contains else 1, "", "")

    answers = {"git rev-parse --verify --quiet": parsed, "git merge-base --is-ancestor": ancestor}
    return FakeShell({**answers, "git rev-parse --is-shallow-repository": f"{str(shallow).lower()}\n"})


@pytest.mark.parametrize("known", [(ORIGIN, LOCAL), (ORIGIN,), (LOCAL,)])
def test_a_commit_on_the_default_branch_passes(tmp_path, known):
    git.require_merged(tmp_path, COMMIT, "main", branches(*known, contains=known[:1]))


@pytest.mark.parametrize(
    ("known", "contains", "why"),
    [
        ((ORIGIN, LOCAL), (LOCAL,), "It is not on origin/main."),
        ((LOCAL,), (), "It is not on main."),
        (("refs/heads/trunk",), ("refs/heads/trunk",), "There is no branch main here."),
    ],
)
def test_a_commit_that_is_not_on_what_everyone_has_is_refused(tmp_path, known, contains, why):
    with pytest.raises(RefusedError) as caught:
        git.require_merged(tmp_path, COMMIT, "main", branches(*known, contains=contains))
    assert caught.value.what == "Commit 0123456789ab is not on the default branch."
    assert caught.value.why.startswith(why)
    assert "git fetch origin +main:refs/remotes/origin/main" in caught.value.hint


@pytest.mark.parametrize("known", [(), (ORIGIN,)])
def test_a_shallow_clone_says_that_it_is_shallow(tmp_path, known):
    with pytest.raises(RefusedError, match="this clone is shallow") as caught:
        git.require_merged(tmp_path, COMMIT, "main", branches(*known, shallow=True))
    assert "git fetch --unshallow origin" in caught.value.hint
    assert "fetch-depth: 0" in caught.value.hint
    git.require_merged(tmp_path, COMMIT, "main", branches(ORIGIN, contains=(ORIGIN,), shallow=True))


def test_a_new_file_elsewhere_leaves_the_commit_clean(tmp_path):
    assert not read(tmp_path, shell("?? notes.txt\n?? ../another/project.py\n")).dirty


def test_a_file_of_a_commit_is_read_from_the_folder_of_the_project(tmp_path):
    fake = FakeShell({f"git show {COMMIT}:./src/Dockerfile": "FROM x\n"})
    assert git.show(tmp_path, COMMIT, "src/Dockerfile", fake) == "FROM x\n"
    missing = FakeShell({"git show": Result(128, "", "fatal: invalid object name")})
    assert git.show(tmp_path, COMMIT, "src/Dockerfile", missing) is None


def exporting(**answers):
    ran = {"git rev-parse --show-prefix": "", "git rev-parse --git-path objects": ".git/objects\n"}
    return FakeShell({**ran, "git read-tree": "", "git clean": "", "git ls-files": "", **answers})


def export(root, fake):
    return git.export(root, COMMIT, root / "out", fake, root / "kept")


def test_the_files_of_a_commit_are_read_without_a_setting_of_a_person(tmp_path):
    fake = exporting()
    assert export(tmp_path, fake) == tmp_path / "out" / "files"
    for command in fake.ran[2:]:
        private = command.variables["GIT_DIR"]
        assert command.variables["GIT_OBJECT_DIRECTORY"] == str(tmp_path / ".git" / "objects")
        assert {command.variables["HOME"], command.variables["XDG_CONFIG_HOME"]} == {private}
    before = len(fake.typed("git read-tree"))
    export(tmp_path, fake)
    assert len(fake.typed("git read-tree")) == before, "a commit is exported once"


def test_a_project_below_the_top_of_its_repository_is_found_in_the_exported_commit(tmp_path):
    fake = exporting(**{"git rev-parse --show-prefix": "services/stream/\n"})
    exported = git.export(tmp_path / "services" / "stream", COMMIT, tmp_path / "out", fake, tmp_path / "kept")
    assert exported == tmp_path / "out" / "files" / "services" / "stream"


def test_a_clone_without_the_files_of_its_commit_is_refused(tmp_path):
    fake = exporting(**{"git read-tree": Result(128, "", "unable to read sha1 file of app.py\n")})
    with pytest.raises(ConfigurationError, match="Commit 0123456789ab cannot be read") as caught:
        export(tmp_path, fake)
    assert "app.py" in caught.value.why


def test_a_full_disk_is_named(tmp_path):
    full = Result(128, "", "error: unable to write file app.py: No space left on device\n")
    with pytest.raises(MissingToolError, match="The disk is full"):
        export(tmp_path, exporting(**{"git read-tree": full}))
    assert not (tmp_path / "out").exists(), "another environment of the same run would use a part of the files"


def test_a_submodule_that_is_not_checked_out_is_named(tmp_path):
    def checkout(command):
        (command.cwd / ".gitmodules").touch()
        return ""

    link = f"160000 {'a' * 40} 0\tlibrary\0"
    fake = exporting(**{"git read-tree": checkout, "git ls-files --stage -z": link})
    with pytest.raises(ConfigurationError, match="The submodule library is not checked out") as caught:
        export(tmp_path, fake)
    assert "git submodule update" in caught.value.hint


def test_a_person_s_settings_do_not_change_what_is_read(tmp_path):
    fake = shell()
    read(tmp_path, fake)
    assert "--no-show-signature" in fake.ran[0].argv, "log.showSignature may print more lines"
    assert all(command.variables["GIT_NO_REPLACE_OBJECTS"] == "1" for command in fake.ran)
