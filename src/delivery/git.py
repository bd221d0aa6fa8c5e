"""git: the commit that is checked out, its files, and whether it is merged.

The tag of a commit names the bytes of that commit. The work tree may have other bytes, and a person's settings may
hide that: ignored files, `git update-index --assume-unchanged`, core.autocrlf, smudge filters, core.fsmonitor. So a
clean commit is not compared with the work tree byte by byte; its files are *exported*, and built and planned from
there. The work tree is used only for a dirty commit, whose tag says so.
"""

import contextlib
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from delivery.errors import NO_SPACE, ConfigurationError, RefusedError, disk_full
from delivery.process.shell import Command, Shell
from delivery.scratch import INDEX

# With log.showSignature in a person's settings, git would print signatures between the lines that are read here.
_LOG = ("log", "--no-show-signature")
# Only programs that a person chose would answer faster than the files themselves, and may be wrong.
_STATUS = ("-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false", "status", "--porcelain")
# History as it was committed: `git replace` and .git/info/grafts change it for one clone. No prompt, no write.
_PINNED = {
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": f"{os.devnull}/none",  # git gives advice on a graft file that it can open
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}
# https://github.com/git-lfs/git-lfs/blob/main/docs/man/git-lfs-config.adoc: a pointer in a commit names one content.
_PRIVATE_CONFIG = """\
[core]
	repositoryformatversion = 1
[extensions]
	objectformat = {hash}
[filter "lfs"]
	smudge = git-lfs smudge -- %f
	required = true
[lfs]
	storage = {objects}/../lfs
"""
_EXPORT = threading.Lock()
_FILES = "files"  # the folder of an export that has them, beside the index


def _git(root: Path, *arguments: str) -> Command:
    return Command(("git", *arguments), cwd=root, variables=_PINNED)


@dataclass(frozen=True)
class Commit:
    """A git commit. `sha`: 40 hex digits; `dirty`: whether the work tree differs from it."""

    sha: str
    dirty: bool

    @property
    def tag(self) -> str:
        """The image tag: the commit, with `-dirty` for a work tree with changes."""
        return f"{self.sha}-dirty" if self.dirty else self.sha

    @property
    def short(self) -> str:
        """The tag with twelve digits, for people."""
        return f"{self.sha[:12]}-dirty" if self.dirty else self.sha[:12]


def read_commit(root: Path, shell: Shell, inputs: Callable[[], tuple[str, ...]]) -> Commit:
    """The commit checked out at `root`; dirty if a file of the project was changed, or a file is new in `inputs`.

    `inputs`: the paths that are built or planned, relative to `root`; asked only if the repository has any change.
    Raises ConfigurationError outside a git checkout or before a commit.
    """
    log = shell.run(_git(root, *_LOG, "-1", "--format=%H"))
    if log.code:
        raise ConfigurationError(
            "The commit could not be read.", log.stderr.strip(), "git clone the project, or `git init` and commit"
        )
    dirty = bool(_status(root, shell, "all")) and _is_dirty(root, shell, inputs())
    return Commit(log.stdout.strip(), dirty)


def _is_dirty(root: Path, shell: Shell, inputs: tuple[str, ...]) -> bool:
    changed = _status(root, shell, "no", "--", ".", *inputs)
    return bool(changed or _status(root, shell, "all", "--", *inputs))


def _status(root: Path, shell: Shell, untracked: str, *paths: str) -> str:
    status = shell.run(_git(root, *_STATUS, f"--untracked-files={untracked}", *paths))
    if status.code:
        raise ConfigurationError("The work tree could not be compared.", status.stderr.strip(), "git status")
    return status.stdout.strip()


def uncommitted(root: Path, paths: list[str], shell: Shell) -> str:
    """What no commit has of these paths, as git lists it; empty if there is nothing. Raises ConfigurationError."""
    return _status(root, shell, "all", "--", *paths)


def export(root: Path, commit: str, folder: Path, shell: Shell, kept: Path) -> Path:
    """Write the files of `commit` into `folder`, once, and return the folder of the project in it.

    The files have the bytes and the modes of the commit, whatever the umask, the settings of a person, the index and
    the attributes of this clone are. `kept`: where an earlier run may have left an export; what is still right in it
    stays. Raises ConfigurationError when this clone lacks a file or a submodule.
    """
    prefix = shell.run(_git(root, "rev-parse", "--show-prefix")).stdout.strip()
    with _EXPORT:  # `status` opens several environments at once
        if not folder.exists():
            top, partial = root / Path(*[".."] * len(Path(prefix).parts)), folder.with_name(f"partial-{folder.name}")
            try:
                kept.rename(partial)  # of two runs at once, one takes it
                _write(top, commit, partial / _FILES, shell, partial / INDEX)
            except (OSError, ConfigurationError):  # there is none, or git cannot use it
                shutil.rmtree(partial, ignore_errors=True)
                _write(top, commit, partial / _FILES, shell, partial / INDEX)
            partial.rename(folder)
    return folder / _FILES / prefix


def _write(root: Path, commit: str, files: Path, shell: Shell, index: Path | None = None) -> None:
    """Make the files equal to those of a commit; those stay whose size, inode and times are as in `index`.

    https://git-scm.com/docs/git-read-tree, "--reset" and "-u". The bytes of a file depend on the attributes too.
    """
    with _private(root, files, commit, shell, index) as git:
        if index and index.exists():
            changed = git("diff-index", "--cached", "--name-only", "-z", commit).split("\0")
            if any(name.endswith((".gitattributes", ".gitmodules")) for name in changed):
                index.unlink()
        git("clean", "-ffdxq")  # before the next line, which writes again what this removes by mistake
        git("read-tree", "--reset", "-u", commit)
        if _set_modes(files):
            git("update-index", "-q", "--refresh")
        links = git("ls-files", "--stage", "-z") if (files / ".gitmodules").is_file() else ""
    for line in links.split("\0"):
        if line.startswith("160000 "):
            (_, submodule, _), name = line.partition("\t")[0].split(), line.partition("\t")[2]
            if not (root / name / ".git").exists():
                what, why = f"The submodule {name} is not checked out.", f"It belongs to commit {commit[:12]}."
                raise ConfigurationError(what, why, "git submodule update --init --recursive")
            _write(root / name, submodule, files / name, shell)
            if index:
                index.unlink(missing_ok=True)  # it does not know these files


def _set_modes(files: Path) -> bool:
    """Give each file and folder the mode that git has for it, whatever the umask is; whether one had another mode."""
    changed = False
    for folder, names, others in os.walk(files):
        for path in (Path(folder, name) for name in (*names, *others)):
            mode = path.lstat().st_mode
            right = 0o755 if stat.S_ISDIR(mode) or mode & 0o100 else 0o644
            if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) != right:
                path.chmod(right)
                changed = True
    return changed


@contextlib.contextmanager
def _private(root: Path, files: Path, commit: str, shell: Shell, index: Path | None) -> Iterator[Callable[..., str]]:
    """A git that has the objects of a clone, and neither its settings nor those of a person; it works on `files`."""
    objects = root / shell.run(_git(root, "rev-parse", "--git-path", "objects")).stdout.strip()
    files.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".git-", dir=files.parent) as private:
        variables = _variables(Path(private), objects.resolve(), files, index or Path(private) / INDEX)
        settings = _PRIVATE_CONFIG.format(hash="sha256" if len(commit) == 64 else "sha1", objects=objects.resolve())
        (Path(private) / "config").write_text(settings)

        def git(*arguments: str) -> str:
            result = shell.run(Command(("git", *arguments), cwd=files, variables=variables))
            if NO_SPACE in result.stderr.lower():
                raise disk_full(result.stderr.strip())
            if result.code:
                hint = "`git sparse-checkout disable` or `git lfs pull`, which fetch missing files"
                raise ConfigurationError(f"Commit {commit[:12]} cannot be read.", result.stderr.strip(), hint)
            return result.stdout

        yield git


def _variables(folder: Path, objects: Path, files: Path, index: Path) -> dict[str, str]:
    (folder / "refs").mkdir()
    (folder / "HEAD").write_text("ref: refs/heads/none\n")
    return {
        **_PINNED,
        "GIT_DIR": str(folder),
        "GIT_INDEX_FILE": str(index),
        "GIT_OBJECT_DIRECTORY": str(objects),
        "GIT_WORK_TREE": str(files),
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
    }


def commits_between(root: Path, old: str, new: str, shell: Shell) -> tuple[str, ...] | None:
    """The commits in `new` that are not in `old`, newest first, as `sha subject`; None when the clone lacks one."""
    log = shell.run(_git(root, *_LOG, "--format=%h %s", f"{old}..{new}", "--"))
    return None if log.code else tuple(log.stdout.splitlines())


def show(root: Path, commit: str, path: str, shell: Shell) -> str | None:
    """The text of a file of a commit; None when the clone does not have the commit, or the commit the file."""
    shown = shell.run(_git(root, "show", f"{commit}:./{path}"))
    return None if shown.code else shown.stdout


def require_merged(root: Path, commit: str, branch: str, shell: Shell) -> None:
    """Raises RefusedError unless `commit` is on the default branch of origin, or of the clone if it has no origin.

    A shallow clone may lack the commits between both, so its refusal says how to fetch them.
    """
    known = [
        name
        for name in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}")
        if shell.run(_git(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")).code == 0
    ]
    if known and shell.run(_git(root, "merge-base", "--is-ancestor", commit, known[0])).code == 0:
        return
    name = known[0].removeprefix("refs/remotes/").removeprefix("refs/heads/") if known else ""
    where = f"It is not on {name}." if name else f"There is no branch {branch} here."
    why = f"{where} A protected environment runs merged commits only."
    fetch = f"origin +{branch}:refs/remotes/origin/{branch}"  # a clone of one branch fetches no other by its name alone
    if shell.run(_git(root, "rev-parse", "--is-shallow-repository")).stdout.strip() == "true":
        raise RefusedError(
            f"It cannot be shown that commit {commit[:12]} is on the default branch: this clone is shallow.",
            why,
            f"`git fetch --unshallow {fetch}`; in a workflow, `fetch-depth: 0` of actions/checkout",
        )
    raise RefusedError(
        f"Commit {commit[:12]} is not on the default branch.",
        why,
        f"merge and push it to {branch}, then `git fetch {fetch}`; git.default_branch names the branch",
    )
