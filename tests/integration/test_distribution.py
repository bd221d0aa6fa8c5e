"""The registry's API over real HTTP: what only a real client and a real server show."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from delivery.aws.connections import Connections
from delivery.aws.distribution import Login, Repository, TemporaryError

BLOB = b"layer " * 400_000
DIGEST = "sha256:" + "a" * 64


class Server(ThreadingHTTPServer):
    """Answers with `script`, one (status, headers, body) a request, and remembers what it was sent."""

    daemon_threads = True

    def __init__(self, *script):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.asked = list(script), []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def server_close(self):
        self.shutdown()
        super().server_close()


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, {name.lower(): value for name, value in self.headers.items()}, body))
        status, headers, content = self.server.script.pop(0)
        self.send_response(status)
        for name, value in {"Content-Length": len(content), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_HEAD = answer

    def log_message(self, *_):
        """Not on the test's output."""


def repository(server, **proxies):
    return Repository(Login(server.address, "hush", connections=Connections(proxies)), "images")


def test_a_blob_behind_a_redirect_is_fetched_without_the_password():
    with Server((200, {}, BLOB)) as storage:
        there = {"Location": f"http://localhost:{storage.server_port}/blob?signature=s"}
        with Server((307, there, b"")) as registry, repository(registry).blob(DIGEST) as pieces:
            assert b"".join(pieces) == BLOB
        assert "authorization" in registry.asked[0][1]
        assert "authorization" not in storage.asked[0][1]


def test_a_blob_is_sent_piece_by_piece_under_its_whole_length():
    with Server((201, {}, b"")) as registry:
        where = f"{registry.address}/v2/images/blobs/uploads/1"
        pieces = (BLOB[at : at + 1000] for at in range(0, len(BLOB), 1000))
        repository(registry).finish(where, DIGEST, len(BLOB), pieces)
    ((method, headers, body),) = registry.asked
    assert (method, body) == ("PUT", BLOB)
    assert headers["content-length"] == str(len(BLOB))
    assert "transfer-encoding" not in headers


def test_a_question_is_asked_again_while_the_registry_is_busy():
    with Server((503, {}, b""), (429, {"Retry-After": "0"}, b""), (200, {}, b'{"os": "linux"}')) as registry:
        assert repository(registry).json(DIGEST) == {"os": "linux"}
    assert len(registry.asked) == 3


def test_the_beginning_of_an_upload_is_not_repeated_blindly():
    with Server((503, {}, b"busy"), (202, {}, b"")) as registry, pytest.raises(TemporaryError, match="503"):
        repository(registry).begin({})
    assert len(registry.asked) == 1


def test_a_blob_that_is_cut_off_is_not_taken_for_a_whole_one():
    with (
        Server((200, {"Content-Length": len(BLOB) + 1}, BLOB)) as registry,
        pytest.raises(TemporaryError, match="cannot be reached"),
        repository(registry).blob(DIGEST) as pieces,
    ):
        list(pieces)


def test_a_read_goes_through_the_proxy_and_its_login_too_while_no_proxy_hosts_are_asked_directly():
    with Server((200, {}, b'{"through": "proxy"}')) as proxy, Server((200, {}, b'{"through": "nothing"}')) as registry:
        address = proxy.address.replace("://", "://me:secret@")
        assert repository(registry, http=address).json(DIGEST) == {"through": "proxy"}
        assert repository(registry, http=address, no="127.0.0.1").json(DIGEST) == {"through": "nothing"}
    ((_, asked, _),) = proxy.asked
    assert asked["proxy-authorization"].startswith("Basic ")
    assert "proxy-authorization" not in registry.asked[0][1]
