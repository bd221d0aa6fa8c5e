"""GitHub's settings of an environment, read with a person's own `gh`."""

import json
import re
import urllib.parse
from pathlib import Path
from typing import Any

from delivery.errors import MissingToolError, RefusedError
from delivery.process.shell import Command, Shell

_REPOSITORY = re.compile(r'^\s*github_repository\s*=\s*"([^"/]+/[^"/]+)"', re.MULTILINE)


class NotReadableError(Exception):
    """`gh` is absent, not logged in, or may not read the repository."""


def repository(tfvars: Path) -> str:
    """The `OWNER/NAME` whose jobs may take the role of an environment; empty if the file names none."""
    match = _REPOSITORY.search(tfvars.read_text()) if tfvars.exists() else None
    return match[1] if match else ""


def api(repository: str, environment: str) -> str:
    """The command that shows GitHub's settings of an environment, for a person."""
    return f"gh api {_path(repository, environment)}"


def deployment_branches(repository: str, environment: str, branch: str, shell: Shell) -> str:
    """The branches whose jobs may use an environment, for people.

    Raises RefusedError unless they are limited to `branch` or to protected branches, NotReadableError when `gh` cannot
    say. Source: docs.github.com/rest/deployments/environments (`deployment_branch_policy` is null without a limit) and
    /rest/deployments/branch-policies.
    """
    where = f"the environment {environment} of {repository}"
    hint = f"in the repository's settings, limit the deployment branches of {environment} to {branch}; docs/github.md"
    path = _path(repository, environment)
    try:
        policy = _get(path, shell).get("deployment_branch_policy")
    except LookupError:
        _get_repository(repository, shell)
        what = f"GitHub has no environment {environment}."
        raise RefusedError(what, "The first job would make it, without any limit.", hint) from None
    if policy is None:
        what = f"Every branch may use {where}."
        raise RefusedError(what, "Everyone who can push a branch can take the role of this environment.", hint)
    if policy.get("protected_branches"):
        return "protected branches only"
    listed = _get(f"{path}/deployment-branch-policies", shell)["branch_policies"]
    names = sorted(f"{each.get('type', 'branch')} {each['name']}" for each in listed)
    if others := [name for name in names if name != f"branch {branch}"]:
        raise RefusedError(f"Not only {branch} may use {where}.", f"Others may too: {', '.join(others)}", hint)
    return f"{branch} only" if names else "no branch"


def _path(repository: str, environment: str) -> str:
    return f"repos/{repository}/environments/{urllib.parse.quote(environment, safe='')}"


def _get_repository(repository: str, shell: Shell) -> None:
    """Raises NotReadableError for a repository that is absent or not for this person: GitHub answers 404 to both."""
    try:
        _get(f"repos/{repository}", shell)
    except LookupError as error:
        raise NotReadableError(f"gh may not read {repository}") from error


def _get(path: str, shell: Shell) -> dict[str, Any]:
    """The answer to a request. Raises LookupError for 404."""
    try:
        result = shell.run(Command(("gh", "api", path), variables={"GH_PROMPT_DISABLED": "1"}))
    except MissingToolError as error:
        raise NotReadableError("gh is not installed") from error
    if "HTTP 404" in result.stderr:
        raise LookupError(path)
    try:
        answer = json.loads(result.stdout) if result.code == 0 else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        last = (result.stderr.strip().splitlines() or [f"gh ended with {result.code}"])[-1]
        raise NotReadableError(last)
    return answer
