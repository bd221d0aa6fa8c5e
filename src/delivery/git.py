"""The commit that is being delivered."""

from dataclasses import dataclass
from pathlib import Path

from delivery.errors import ConfigurationError, RefusedError
from delivery.process.shell import Command, Shell


@dataclass(frozen=True)
class Commit:
    """A git commit (40 hex digits); dirty when the work tree differs from it."""

    sha: str
    dirty: bool
    committed_at: int

    @property
    def tag(self) -> str:
        """The image tag: the commit, marked when it does not tell the whole truth."""
        return f"{self.sha}-dirty" if self.dirty else self.sha

    @property
    def short(self) -> str:
        """The tag as people read it."""
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
    """The commits in `new` that are not in `old`, newest first, as `abbreviation subject`; None: one is unknown."""
    log = shell.run(Command(("git", "log", "--format=%h %s", f"{old}..{new}", "--"), cwd=root))
    return None if log.code else tuple(log.stdout.splitlines())


def require_merged(root: Path, commit: str, branch: str, shell: Shell) -> None:
    """Raises RefusedError unless `commit` is on the default branch: on origin's, or the local one without an origin."""
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
            f"{where} What runs in a protected environment must be what everyone has.",
            f"merge and push it to {branch}, then `git fetch origin {branch}`; git.default_branch names the branch",
        )
