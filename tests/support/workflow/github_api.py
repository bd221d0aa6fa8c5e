"""GitHub's API for the comments of one pull request: it refuses every other request, and keeps a list of them.

docs.github.com/rest/issues/comments. The unit tests reach it through urllib3, a run of act through a socket.
"""

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import urllib3

REPOSITORY = "example/sse-streaming"
TOKEN = "ghs_0123456789abcdef"
BOT = {"login": "github-actions[bot]", "type": "Bot"}
PERSON = {"login": "octocat", "type": "User"}
HOST = "https://github.test/api/v3"
_LISTED = re.compile(rf"/repos/{REPOSITORY}/issues/(?P<number>\d+)/comments")
_ONE = re.compile(rf"/repos/{REPOSITORY}/issues/comments/(?P<id>\d+)")


class GitHub:
    """`comments`: those of pull request `number`, in their order. `failures`: what the next requests get instead."""

    def __init__(self, number=7):
        self.number = number
        self.comments = []
        self.asked = []
        self.failures = []
        self.unknown = []

    def add(self, body, user=BOT):
        """Store a comment, as its author would have written it."""
        number = 100 + len(self.comments)
        address = f"https://github.test/{REPOSITORY}/pull/{self.number}#issuecomment-{number}"
        self.comments.append({"id": number, "body": body, "user": user, "html_url": address})
        return self.comments[-1]

    @property
    def bodies(self):
        """The texts of all comments."""
        return [comment["body"] for comment in self.comments]

    def answer(self, method, url, headers, body):
        """Status and document of an answer."""
        address = urlsplit(url)
        path = address.path.removeprefix("/api/v3")
        self.asked.append((method, path))
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "Bad credentials"}
        if self.failures:
            return self.failures.pop(0)
        text = json.loads(body)["body"] if body else None
        if text and len(text) > 65_536:
            return 422, {"message": "Validation Failed", "errors": ["body is too long"]}
        return self._known(method, path, parse_qs(address.query), text)

    def _known(self, method, path, query, text):
        listed, one = _LISTED.fullmatch(path), _ONE.fullmatch(path)
        if method == "GET" and listed and int(listed["number"]) == self.number:
            size, page = int(query["per_page"][0]), int(query["page"][0])
            return 200, self.comments[size * (page - 1) : size * page]
        if method == "POST" and listed and int(listed["number"]) == self.number:
            return 201, self.add(text)
        if method == "PATCH" and one:
            (comment,) = (each for each in self.comments if each["id"] == int(one["id"]))
            comment["body"] = text
            return 200, comment
        self.unknown.append((method, path))
        return 404, {"message": "Not Found"}

    def install(self, monkeypatch):
        """Make it what every request of urllib3 reaches."""

        def request(pool, method, url, **options):
            del pool
            assert set(options) <= {"body", "headers", "retries", "redirect"}, options
            status, document = self.answer(method, url, options["headers"], options["body"])
            if isinstance(document, Exception):
                raise document
            content = document if isinstance(document, bytes) else json.dumps(document).encode()
            limits = {"X-RateLimit-Remaining": "0"} if status == 403 and "limit" in str(document) else {}
            return urllib3.HTTPResponse(content, headers=limits, status=status)

        monkeypatch.setattr(urllib3.PoolManager, "request", request)
        return self


@contextlib.contextmanager
def served(github: GitHub) -> Iterator[str]:
    """The address at which it answers."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, document = github.answer(self.command, self.path, self.headers, body)
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _do

        def log_message(self, *_):
            """Print nothing: act's output is read."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
