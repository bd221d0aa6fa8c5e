"""A relay before the emulator, which holds one request back: what an interrupt in the middle of a copy needs."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import urllib3

_OWN = {"connection", "transfer-encoding", "content-length", "date", "server"}


class Relay(ThreadingHTTPServer):
    """Passes every request on to `endpoint`, but the `nth` upload of a blob: that one it reads and never answers."""

    daemon_threads = True

    def __init__(self, endpoint: str, nth: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.endpoint, self.nth = endpoint, nth
        self.uploads = 0
        self.holding, self.over = threading.Event(), threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def server_close(self) -> None:
        self.over.set()
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.command == "PUT" and "/blobs/uploads/" in self.path:
            self.server.uploads += 1
            if self.server.uploads == self.server.nth:
                self.server.holding.set()
                self.server.over.wait(60)
                self.close_connection = True
                return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
        url = f"{self.server.endpoint}{self.path}"
        answer = urllib3.request(self.command, url, body=body, headers=headers, redirect=False, retries=False)
        # The token names the emulator itself: the copy has to come through here too.
        output = answer.data.replace(self.server.endpoint.encode(), self.server.address.encode())
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in _OWN:
                self.send_header(name, value)
        headed = self.command == "HEAD"
        self.send_header("Content-Length", answer.headers.get("Content-Length", 0) if headed else len(output))
        self.end_headers()
        if not headed:
            self.wfile.write(output)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = relay

    def log_message(self, *_: object) -> None:
        """Not on the test's output."""


@contextlib.contextmanager
def holding(endpoint: str, nth: int):
    """A relay that is served while open."""
    relay = Relay(endpoint, nth)
    serving = threading.Thread(target=relay.serve_forever, daemon=True)
    serving.start()
    try:
        yield relay
    finally:
        relay.shutdown()
        relay.server_close()
        serving.join(5)
