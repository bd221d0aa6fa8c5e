"""A clean commit is built and planned from its own bytes, whatever git hides of the work tree; with a real git."""

import os
import subprocess
from pathlib import Path

import pytest

from delivery import git, scratch
from delivery.errors import RefusedError
from delivery.process.environment import inherited
from delivery.process.shell import Shell

FILES = {"src/app.py": "print('committed')\n", "infrastructure/service/main.tf": "# committed\n", "notes": "x\n"}
INPUTS = ("src", "infrastructure")


@pytest.fixture
def repository(tmp_path):
    """A repository with one commit: three files, one of them a program, and a link."""
    root = tmp_path / "repository"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "src" / "run").write_text("#!/bin/sh\n")
    (root / "src" / "run").chmod(0o755)
    (root / "src" / "link").symlink_to("app.py")
    run(root, "init", "--quiet", "--initial-branch=main")
    commit(root)
    return root


def run(root, *words):
    environ = {**inherited(os.environ), "GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True, env=environ).stdout


def commit(root):
    run(root, "add", "--all")
    run(root, "-c", "user.name=ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "--message", "x")


def read(root):
    return git.read_commit(root, Shell(inherited(os.environ)), lambda: INPUTS)


def export(root, folder):
    return git.export(root, read(root).sha, folder, Shell(inherited(os.environ)), folder.with_name("kept"))


def exported(root, folder):
    """The files that are built: path to bytes and whether it is a program."""
    made = export(root, folder)
    files = [path for path in made.rglob("*") if path.is_file() or path.is_symlink()]
    return {str(path.relative_to(made)): (path.read_bytes(), path.stat().st_mode & 0o777) for path in files}


def edit(root):
    (root / "src" / "app.py").write_text("print('edited')\n")


def assume_unchanged(root):
    run(root, "update-index", "--assume-unchanged", "src/app.py")
    edit(root)


def skip_worktree(root):
    run(root, "update-index", "--skip-worktree", "src/app.py")
    edit(root)


def ignored_files(root):
    (root / ".git" / "info" / "exclude").write_text("*.auto.tfvars\noverride.tf\nextra.py\n")
    for name in ("infrastructure/service/x.auto.tfvars", "infrastructure/service/override.tf", "src/extra.py"):
        (root / name).write_text("hidden\n")


def another_mode(root):
    run(root, "config", "core.fileMode", "false")
    (root / "src" / "run").chmod(0o644)


def a_filter(root):
    run(root, "config", "filter.shout.smudge", "tr a-z A-Z")
    run(root, "config", "filter.shout.clean", "tr A-Z a-z")
    run(root, "config", "core.autocrlf", "true")
    (root / ".git" / "info" / "attributes").write_text("*.py filter=shout\n")
    (root / "src" / "app.py").unlink()
    run(root, "checkout", "src/app.py")
    assert "COMMITTED" in (root / "src" / "app.py").read_text()


def a_lying_monitor(root):
    monitor = root / ".git" / "monitor"
    monitor.write_text("#!/bin/sh\nprintf 'token\\0'\n")
    monitor.chmod(0o755)
    run(root, "config", "core.fsmonitor", str(monitor))
    run(root, "status")
    edit(root)


def a_replaced_commit(root):
    before = run(root, "rev-parse", "HEAD").strip()
    edit(root)
    commit(root)
    run(root, "replace", before, run(root, "rev-parse", "HEAD").strip())
    run(root, "reset", "--quiet", "--hard", before)


HIDDEN = (assume_unchanged, skip_worktree, ignored_files, another_mode, a_filter)


@pytest.mark.parametrize("hide", HIDDEN, ids=lambda hide: hide.__name__)
def test_a_clean_commit_is_its_own_bytes_whatever_git_hides(repository, tmp_path, hide):
    expected = exported(repository, tmp_path / "before")
    assert expected["src/app.py"] == (b"print('committed')\n", 0o644)
    assert expected["src/run"][1] == 0o755
    hide(repository)
    assert not read(repository).dirty
    assert exported(repository, tmp_path / "after") == expected


@pytest.mark.parametrize("lie", [a_lying_monitor, a_replaced_commit], ids=lambda lie: lie.__name__)
def test_neither_a_program_that_watches_the_files_nor_a_replaced_commit_is_believed(repository, lie):
    lie(repository)
    assert read(repository).dirty


def test_a_umask_does_not_change_the_files(repository, tmp_path):
    before = os.umask(0o077)
    try:
        assert exported(repository, tmp_path / "out")["src/run"][1] == 0o755
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("name", "dirty"),
    [("src/new.py", True), ("infrastructure/service/new.tf", True), ("new-notes", False), ("notes", True)],
)
def test_a_new_file_makes_a_commit_dirty_only_where_it_would_be_built_or_planned(repository, name, dirty):
    run(repository, "config", "status.showUntrackedFiles", "no")
    (repository / name).write_text("changed\n")
    assert read(repository).dirty == dirty


def test_a_project_in_a_part_of_a_repository_ignores_changes_of_the_other_parts(repository, tmp_path):
    project = repository / "src"
    (repository / "notes").write_text("changed\n")
    result = git.read_commit(project, Shell(inherited(os.environ)), lambda: (".",))
    assert not result.dirty
    assert export(project, tmp_path / "out") == tmp_path / "out" / "files" / "src"


def test_a_submodule_is_exported_at_the_commit_that_the_project_names(repository, tmp_path):
    run(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repository), "src/library")
    commit(repository)
    (repository / "src" / "library" / "notes").write_text("changed\n")
    run(repository, "config", "diff.ignoreSubmodules", "all")
    assert exported(repository, tmp_path / "out")["src/library/notes"][0] == b"x\n"


def rewritten(files):
    """Other bytes of the same length at the same time."""
    found = (files / "src" / "app.py").stat()
    (files / "src" / "app.py").write_text("print('committeD')\n")
    os.utime(files / "src" / "app.py", ns=(found.st_atime_ns, found.st_mtime_ns))


def more_files(files):
    for name in ("src/new.py", "src/__pycache__/app.pyc", ".gitignore", "repository/.git/HEAD"):
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_text("new\n")


def no_file(files):
    (files / "notes").unlink()


def other_modes(files):
    (files / "src" / "run").chmod(0o644)
    (files / "src" / "app.py").chmod(0o755)
    (files / "src").chmod(0o700)


def a_link_for_a_folder(files):
    (files / "src").rename(files.parent / "elsewhere")
    (files / "src").symlink_to(files.parent / "elsewhere")


def a_folder_for_a_file(files):
    (files / "notes").unlink()
    (files / "notes" / "deep").mkdir(parents=True)
    (files / "notes" / "deep" / "file").touch()


def a_broken_index(files):
    (files.parent / "index").write_text("broken")


HAPPENED = (rewritten, more_files, no_file, other_modes, a_link_for_a_folder, a_folder_for_a_file, a_broken_index)


@pytest.mark.parametrize("happened", HAPPENED, ids=lambda happened: happened.__name__)
def test_an_export_that_an_earlier_run_left_gets_the_files_of_the_commit_whatever_happened_to_it(
    repository, tmp_path, happened
):
    expected = exported(repository, tmp_path / "first")
    scratch.keep(tmp_path / "first", tmp_path / "kept")
    happened(tmp_path / "kept" / "files")
    assert exported(repository, tmp_path / "second") == expected
    assert not (tmp_path / "kept").exists(), "another run could take it too"


def test_only_the_files_that_the_next_commit_changes_are_written_again(repository, tmp_path):
    first = export(repository, tmp_path / "first")
    before = {name: (first / name).stat().st_ctime_ns for name in FILES}
    scratch.keep(tmp_path / "first", tmp_path / "kept")
    edit(repository)
    commit(repository)
    second = export(repository, tmp_path / "second")
    assert (second / "src" / "app.py").read_text() == "print('edited')\n"
    assert {name for name in FILES if (second / name).stat().st_ctime_ns == before[name]} == {*FILES} - {"src/app.py"}


def test_a_commit_that_changes_the_attributes_changes_the_bytes_of_the_files_that_an_earlier_run_left(
    repository, tmp_path
):
    exported(repository, tmp_path / "first")
    scratch.keep(tmp_path / "first", tmp_path / "kept")
    (repository / ".gitattributes").write_text("*.py text eol=crlf\n")
    commit(repository)
    assert exported(repository, tmp_path / "second")["src/app.py"][0] == b"print('committed')\r\n"


def test_an_export_with_a_submodule_is_not_left_for_the_next_run(repository, tmp_path):
    run(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repository), "src/library")
    commit(repository)
    exported(repository, tmp_path / "first")
    scratch.keep(tmp_path / "first", tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_graft_does_not_merge_a_commit(repository):
    merged = read(repository).sha
    run(repository, "checkout", "--quiet", "-b", "feature")
    edit(repository)
    commit(repository)
    (repository / ".git" / "info" / "grafts").write_text(f"{merged} {read(repository).sha}\n")
    assert run(repository, "rev-list", "main").split() == [merged, read(repository).sha], "git believes it"
    with pytest.raises(RefusedError, match="is not on the default branch"):
        git.require_merged(repository, read(repository).sha, "main", Shell(inherited(os.environ)))


def test_a_shallow_clone_of_a_merged_commit_says_that_it_is_shallow(repository, tmp_path):
    old = read(repository).sha
    for _ in range(2):
        (repository / "notes").open("a").write("more\n")
        commit(repository)
    clone = Path(tmp_path / "clone")
    run(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repository}", str(clone))
    shell = Shell(inherited(os.environ))
    git.require_merged(clone, read(clone).sha, "main", shell)
    with pytest.raises(RefusedError, match="this clone is shallow") as caught:
        git.require_merged(clone, old, "main", shell)
    command = caught.value.hint.split("`")[1]
    run(clone, *command.split()[1:])
    git.require_merged(clone, old, "main", shell)
