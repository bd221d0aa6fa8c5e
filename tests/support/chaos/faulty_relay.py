"""A relay before the emulator that breaks requests by rule: which request, how, and how often."""

import contextlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import urllib3

_OWN = {"connection", "transfer-encoding", "content-length", "date", "server"}
_ALWAYS = 10**9
_TLS = b"\x16"  # the first byte of its handshake; RFC 8446, 5.1


@dataclass
class Rule:
    """What happens to requests whose `METHOD path target body` the pattern finds: at most `times`, then nothing.

    `how`: `drop` (the connection breaks), `hold` (no answer until the relay ends), `slow` (one second late), or a
    status and an AWS error code such as `429 ThrottlingException`.
    """

    pattern: str
    how: str
    times: int = _ALWAYS
    met: int = field(default=0)


class Relay(ThreadingHTTPServer):
    """Passes everything else on to `endpoint`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, endpoint: str, rules, rewrites=()) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.endpoint, self.rules = endpoint, list(rules)
        self.rewrites = [(endpoint, self.address), *rewrites]
        self.pool = urllib3.PoolManager(maxsize=16)
        self.met, self.over = threading.Event(), threading.Event()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    @property
    def address(self) -> str:
        return f"http://{self.host}"

    def rule(self, request: str):
        """The rule that this request meets, if there is one."""
        for rule in () if self.over.is_set() else self.rules:
            if rule.met < rule.times and re.search(rule.pattern, request):
                rule.met += 1
                self.met.set()
                return rule
        return None

    @property
    def all_met(self) -> bool:
        """Whether each rule broke something."""
        return all(rule.met for rule in self.rules)

    def release(self) -> None:
        """Break nothing any more, and let go of what is held."""
        self.over.set()

    def handle_error(self, request, client_address) -> None:
        """Clients that went away are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        if self.rfile.peek(1)[:1] != _TLS:
            super().handle_one_request()
            return
        self.rfile.read1()  # a registry on this machine is asked in plain HTTP next
        self.wfile.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self.close_connection = True

    def relay(self) -> None:
        body = self._body()
        recorded = (
            f"{self.command} {self.path} {self.headers.get('X-Amz-Target', '')} {body[:300].decode(errors='replace')}"
        )
        rule = self.server.rule(recorded)
        if rule is None or rule.how == "slow":
            time.sleep(1 if rule else 0)  # the fault itself, not a wait for something
            self._pass_on(body)
        elif rule.how[0].isdigit():
            self._refuse(*rule.how.split())
        else:
            if rule.how == "hold":
                self.server.over.wait(120)
            self.close_connection = True  # who asked asks again, as after any broken connection

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _pass_on(self, body: bytes) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
        answer = self.server.pool.request(
            self.command,
            f"{self.server.endpoint}{self.path}",
            body=body,
            headers=headers,
            redirect=False,
            retries=False,
            preload_content=False,
        )
        # A registry's Location has to come through here too.
        copied = [(n, v.replace(self.server.endpoint, self.server.address)) for n, v in answer.headers.items()]
        copied = [(name, value) for name, value in copied if name.lower() not in _OWN]
        if "response-streaming" in self.path:
            self._stream(answer, copied)
            return
        printed = answer.data
        # Nothing else: an address that comes back in a state would look like a change later.
        for old, new in self.server.rewrites if "GetAuthorizationToken" in self.headers.get("X-Amz-Target", "") else ():
            printed = printed.replace(old.encode(), new.encode())
        headed = self.command == "HEAD"
        self._answer(answer.status, copied, answer.headers.get("Content-Length", 0) if headed else len(printed))
        if not headed:
            self.wfile.write(printed)

    def _stream(self, answer, headers) -> None:
        """Each piece when it comes."""
        self.send_response_only(answer.status)
        for name, value in (*headers, ("Transfer-Encoding", "chunked")):
            self.send_header(name, value)
        self.end_headers()
        while piece := answer.read1():
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _refuse(self, status: str, code: str) -> None:
        if self.headers.get("X-Amz-Target") or self.path.startswith(("/2015-03-31/", "/2021-")):
            printed = json.dumps({"__type": code, "message": "chaos"})
        else:
            error = f"<Error><Code>{code}</Code><Message>chaos</Message></Error>"
            printed = error if self.command != "POST" else f"<ErrorResponse>{error}</ErrorResponse>"
        self._answer(int(status), [("x-amzn-ErrorType", code)], len(printed))
        if self.command != "HEAD":
            self.wfile.write(printed.encode())

    def _answer(self, status, headers, length) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = relay

    def log_message(self, *_: object) -> None:
        """Not on the test's output."""


@contextlib.contextmanager
def relaying(endpoint: str, *rules: Rule, rewrites=()):
    """A relay that is served while open."""
    relay = Relay(endpoint, rules, rewrites)
    serving = threading.Thread(target=relay.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    serving.start()
    try:
        yield relay
    finally:
        relay.release()
        relay.shutdown()
        relay.server_close()
        serving.join(5)


def through(relay):
    """What leads every tool through a relay."""
    names = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS")
    return {f"INVOKE_ENVIRONMENTS_PREPROD_VARIABLES_{name}": relay.address for name in names}
