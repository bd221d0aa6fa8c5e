"""The one comment of a pull request, written and updated through GitHub's API.

Source: docs.github.com/rest/issues/comments (a comment on a pull request is one of its issue).
"""

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from delivery.aws.connections import Connections
from delivery.errors import CloudError, ConfigurationError, RefusedError

MARKER = "<!-- invoke comment -->"
"""The first line of the comment, which GitHub does not show; the next run finds the comment by it."""
LONGEST = 65_536
"""Characters of a comment: GitHub answers 422 to a longer one, `body is too long`."""

_PAGE = 100  # comments of one answer, the most that GitHub gives
_BUSY = (500, 502, 503, 504)
# A read or an update has the same result twice; a second POST would be a second comment.
# GitHub may ask for an hour (Retry-After), so that is not waited for.
_AGAIN = urllib3.Retry(
    total=3,
    backoff_factor=0.5,
    status_forcelist=_BUSY,
    allowed_methods=("GET", "PATCH"),
    raise_on_status=False,
    respect_retry_after_header=False,
)
_TIMEOUT = urllib3.Timeout(connect=5, read=30)  # seconds
_GIVE_TOKEN = "`env: GITHUB_TOKEN: ${{ github.token }}` of the step, in a job with `pull-requests: write`"
_ALLOW = "`permissions: pull-requests: write` in the job, for a token of this repository's workflow"


@dataclass(frozen=True)
class PullRequest:
    """A pull request, and how to reach it.

    `api`: such as https://api.github.com. `head`: its last commit. `log`: the page of this run; empty outside a
    workflow.
    """

    api: str
    repository: str
    number: int
    head: str
    log: str
    token: str = field(repr=False)
    connections: Connections = field(default_factory=Connections)

    def write(self, text: str) -> str:
        """Update the comment that begins with MARKER, or make it; return its address. Raises CloudError."""
        issues = f"repos/{self.repository}/issues"
        if (number := self._find(f"{issues}/{self.number}/comments")) is None:
            answer = self._json("POST", f"{issues}/{self.number}/comments", {"body": text})
        else:
            answer = self._json("PATCH", f"{issues}/comments/{number}", {"body": text})
        return str(answer["html_url"])

    def _find(self, path: str) -> int | None:
        """The ID of the comment; one of a person is left alone, because the person may edit it."""
        for page in itertools.count(1):
            comments = self._json("GET", f"{path}?per_page={_PAGE}&page={page}")
            for each in comments:
                if (each.get("body") or "").startswith(MARKER) and (each.get("user") or {}).get("type") == "Bot":
                    return int(each["id"])
            if len(comments) < _PAGE:
                break
        return None

    def _json(self, method: str, path: str, document: Mapping[str, str] | None = None) -> Any:
        """GitHub's answer to a request. Raises CloudError."""
        url = f"{self.api}/{path}"
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token}",
            "User-Agent": "invoke-comment",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        body = None if document is None else json.dumps(document).encode()
        pool = self.connections.pool(url, timeout=_TIMEOUT)
        try:
            answer = pool.request(method, url, headers=headers, body=body, retries=_AGAIN, redirect=False)
            if answer.status >= 300:
                raise _refused(answer, f"{method} {path.partition('?')[0]}")
            return answer.json()
        except urllib3.exceptions.HTTPError as error:
            hint = "check the network and GITHUB_API_URL, then re-run the job"
            raise CloudError(f"GitHub cannot be reached at {self.api}.", str(error), hint) from error
        except ValueError as error:
            what = f"{self.api} does not answer as GitHub does."
            raise CloudError(what, str(error), "correct GITHUB_API_URL") from error


def of_job(environ: Mapping[str, str], proxies: Mapping[str, str], log: str = "") -> PullRequest:
    """The pull request of this job.

    `environ`: GitHub's variables of a job; `proxies`: as for Connections; `log`: the page of this run. Raises
    ConfigurationError outside the job of a pull request or without a token, and RefusedError for a fork. Source:
    docs.github.com/webhooks/webhook-events-and-payloads, `pull_request`; `head.repo` is null if the fork was deleted.
    """
    event = _event(environ)
    number, head = event["number"], event["pull_request"]["head"]
    repository, origin = environ.get("GITHUB_REPOSITORY", ""), (head.get("repo") or {}).get("full_name")
    if origin != repository:
        what = f"Pull request {number} comes from a fork: {origin or 'a deleted one'}."
        raise RefusedError(what, f"Only a branch of {repository} gets the comment.", f"push it to {repository}")
    if not environ.get("GITHUB_TOKEN"):
        raise ConfigurationError("GITHUB_TOKEN is not set.", "The comment is written with it.", _GIVE_TOKEN)
    api = environ.get("GITHUB_API_URL") or "https://api.github.com"
    if not re.match("https?://", api):
        raise ConfigurationError(f"Malformed GITHUB_API_URL: {api!r}", "", "https://HOST/api/v3")
    certificates = environ.get("REQUESTS_CA_BUNDLE") or environ.get("SSL_CERT_FILE") or ""
    token, connections = environ["GITHUB_TOKEN"], Connections(proxies, certificates)
    return PullRequest(api.rstrip("/"), repository, int(number), str(head["sha"]), log, token, connections)


def _event(environ: Mapping[str, str]) -> dict[str, Any]:
    try:
        event: dict[str, Any] = json.loads(Path(environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
        event = {"number": event["pull_request"]["number"], "pull_request": event["pull_request"]}
    except (KeyError, TypeError, ValueError, OSError) as error:
        name = environ.get("GITHUB_EVENT_NAME")
        why = f"The event is {name}." if name else "GitHub's variables of a job are not set."
        hint = "`invoke comment --dry-run`, which prints the comment"
        raise ConfigurationError("This is no job of a pull request.", why, hint) from error
    return event


def _refused(answer: urllib3.BaseHTTPResponse, request: str) -> CloudError:
    what = f"GitHub answered {answer.status} to {request}."
    why = _message(answer)
    if wanted := answer.headers.get("X-Accepted-GitHub-Permissions"):
        why += f"\nIt wants one of these permissions: {wanted}"
    if answer.status == 401:
        return CloudError(what, why, _GIVE_TOKEN)
    limited = answer.headers.get("X-RateLimit-Remaining") == "0" or "rate limit" in why
    if answer.status == 429 or (answer.status == 403 and limited):
        return CloudError(what, why, "wait some minutes, then re-run the job")
    if answer.status in (403, 404):  # 404 too, because GitHub does not show that a private repository exists
        return CloudError(what, why, _ALLOW)
    return CloudError(what, why, "re-run the job")


def _message(answer: urllib3.BaseHTTPResponse) -> str:
    try:
        return str(answer.json()["message"])[:500]
    except (ValueError, KeyError, TypeError):
        return answer.data.decode(errors="replace")[:500]
