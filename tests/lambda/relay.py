"""A TCP relay that notes what passes, and when: the emulator itself collects a stream before it hands it on."""

import socket
import socketserver
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass
class Passage:
    """One connection: the client's bytes as (when, what), and the server's."""

    request: list[tuple[datetime, bytes]] = field(default_factory=list)
    reply: bytes = b""

    @property
    def sent(self):
        return b"".join(data for _, data in self.request)

    def passed(self, text):
        """When the first bytes that hold `text` passed."""
        return next(when for when, data in self.request if text in data)


class Relay(socketserver.ThreadingTCPServer):
    """A relay to `upstream`; `passages` are the connections so far."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, upstream):
        super().__init__(("127.0.0.1", 0), _Connection)
        self.upstream = upstream
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.passages = []

    def response(self):
        """The passage in which the runtime sent its response."""
        (found,) = [passage for passage in self.passages if passage.sent.split(b" HTTP")[0].endswith(b"/response")]
        return found


class _Connection(socketserver.BaseRequestHandler):
    def handle(self):
        host, port = self.server.upstream.split(":")
        passage = Passage()
        self.server.passages.append(passage)
        with socket.create_connection((host, int(port))) as upstream:
            threading.Thread(target=self._replies, args=(upstream, passage), daemon=True).start()
            while data := self.request.recv(65_536):
                passage.request.append((datetime.now(UTC), data))
                upstream.sendall(data)

    def _replies(self, upstream, passage):
        try:
            while data := upstream.recv(65_536):
                passage.reply += data
                self.request.sendall(data)
        except OSError:
            return


@contextmanager
def relay(upstream):
    with Relay(upstream) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
