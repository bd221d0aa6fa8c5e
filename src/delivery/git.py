"""git: the commit that is checked out, and whether it is merged."""

from dataclasses import dataclass
from pathlib import Path

from delivery.errors import ConfigurationError, RefusedError
from delivery.process.shell import Command, Shell

# With these, git works on another repository than the one in its folder: `git rev-parse --local-env-vars`.
_LOCATION = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
# With log.showSignature in a person's settings, git would print signatures between the lines that are read here.
_LOG = ("log", "--no-show-signature")


def _git(root: Path, *arguments: str) -> Command:
    return Command(("git", *arguments), cwd=root, without=_LOCATION)


@dataclass(frozen=True)
class Commit:
    """A git commit. `sha`: 40 hex digits; `dirty`: whether the work tree differs from it; `committed_at`: Unix time."""

    sha: str
    dirty: bool
    committed_at: int

    @property
    def tag(self) -> str:
        """The image tag: the commit, with `-dirty` for a work tree with changes."""
        return f"{self.sha}-dirty" if self.dirty else self.sha

    @property
    def short(self) -> str:
        """The tag with twelve digits, for people."""
        return f"{self.sha[:12]}-dirty" if self.dirty else self.sha[:12]


def read_commit(root: Path, shell: Shell) -> Commit:
    """The commit checked out at `root`. Raises ConfigurationError outside a git checkout or before a commit."""
    log = shell.run(_git(root, *_LOG, "-1", "--format=%H %ct"))
    if log.code:
        raise ConfigurationError(
            "The commit could not be read.", log.stderr.strip(), "git clone the project, or `git init` and commit"
        )
    commit, seconds = log.stdout.split()
    status = shell.run(_git(root, "status", "--porcelain", "--untracked-files=all"))
    if status.code:
        raise ConfigurationError("The work tree could not be compared.", status.stderr.strip(), "git status")
    return Commit(commit, dirty=bool(status.stdout.strip()), committed_at=int(seconds))


def commits_between(root: Path, old: str, new: str, shell: Shell) -> tuple[str, ...] | None:
    """The commits in `new` that are not in `old`, newest first, as `sha subject`; None when the clone lacks one."""
    log = shell.run(_git(root, *_LOG, "--format=%h %s", f"{old}..{new}", "--"))
    return None if log.code else tuple(log.stdout.splitlines())


def require_merged(root: Path, commit: str, branch: str, shell: Shell) -> None:
    """Raises RefusedError unless `commit` is on the default branch of origin, or of the clone if it has no origin."""
    known = [
        name
        for name in (f"origin/{branch}", branch)
        if shell.run(_git(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")).code == 0
    ]
    if not known or shell.run(_git(root, "merge-base", "--is-ancestor", commit, known[0])).code:
        where = f"It is not on {known[0]}." if known else f"There is no branch {branch} here."
        raise RefusedError(
            f"Commit {commit[:12]} is not on the default branch.",
            f"{where} A protected environment runs merged commits only.",
            f"merge and push it to {branch}, then `git fetch origin {branch}`; git.default_branch names the branch",
        )
