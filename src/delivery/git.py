"""git: the commit that is checked out, and whether it is merged."""

from dataclasses import dataclass
from pathlib import Path

from delivery.errors import ConfigurationError, RefusedError
from delivery.process.shell import Command, Shell


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
    log = shell.run(Command(("git", "log", "-1", "--format=%H %ct"), cwd=root))
    if log.code:
        raise ConfigurationError(
            "The commit could not be read.", log.stderr.strip(), "git clone the project, or `git init` and commit"
        )
    commit, seconds = log.stdout.split()
    status = shell.run(Command(("git", "status", "--porcelain"), cwd=root))
    if status.code:
        raise ConfigurationError("The work tree could not be compared.", status.stderr.strip(), "git status")
    return Commit(commit, dirty=bool(status.stdout.strip()), committed_at=int(seconds))


def commits_between(root: Path, old: str, new: str, shell: Shell) -> tuple[str, ...] | None:
    """The commits in `new` that are not in `old`, newest first, as `sha subject`; None when the clone lacks one."""
    log = shell.run(Command(("git", "log", "--format=%h %s", f"{old}..{new}", "--"), cwd=root))
    return None if log.code else tuple(log.stdout.splitlines())


def require_merged(root: Path, commit: str, branch: str, shell: Shell) -> None:
    """Raises RefusedError unless `commit` is on the default branch of origin, or of the clone if it has no origin."""
    known = [
        name
        for name in (f"origin/{branch}", branch)
        if shell.run(Command(("git", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"), cwd=root)).code == 0
    ]
    ancestor = ("git", "merge-base", "--is-ancestor", commit)
    if not known or shell.run(Command((*ancestor, known[0]), cwd=root)).code:
        where = f"It is not on {known[0]}." if known else f"There is no branch {branch} here."
        raise RefusedError(
            f"Commit {commit[:12]} is not on the default branch.",
            f"{where} A protected environment runs merged commits only.",
            f"merge and push it to {branch}, then `git fetch origin {branch}`; git.default_branch names the branch",
        )
