"""A TCP relay that records the bytes of each connection with their times.

AWS's emulator collects a whole stream before it returns it. The relay shows when the runtime sent each part.
"""

import socket
import socketserver
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass
class Connection:
    """The bytes of one connection: the client's with the time at which they passed, and the server's."""

    received: list[tuple[datetime, bytes]] = field(default_factory=list)
    reply: bytes = b""

    @property
    def request(self):
        return b"".join(data for _, data in self.received)

    def time_of(self, text):
        """Return the time at which the first bytes that contain `text` passed."""
        return next(time for time, data in self.received if text in data)


class Relay(socketserver.ThreadingTCPServer):
    """A relay to `upstream` (host:port)."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, upstream):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.connections = []

    def response(self):
        """Return the connection on which the runtime sent its response."""
        (connection,) = [c for c in self.connections if c.request.split(b" HTTP")[0].endswith(b"/response")]
        return connection


class _Handler(socketserver.BaseRequestHandler):
    def handle(self):
        host, port = self.server.upstream.split(":")
        connection = Connection()
        self.server.connections.append(connection)
        with socket.create_connection((host, int(port))) as upstream:
            threading.Thread(target=self._pass_replies, args=(upstream, connection), daemon=True).start()
            while data := self.request.recv(65_536):
                connection.received.append((datetime.now(UTC), data))
                upstream.sendall(data)

    def _pass_replies(self, upstream, connection):
        try:
            while data := upstream.recv(65_536):
                connection.reply += data
                self.request.sendall(data)
        except OSError:
            return


@contextmanager
def relay_to(upstream):
    """Serve a relay to `upstream` while the context is open."""
    with Relay(upstream) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
