"""The function itself: the CPU time of its start, and of its events, beside other ways to stream.

Lambda's Runtime API is played by this process, so its work is in no side's CPU time.
"""

import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from support.deploys.checkout import PROJECT
from support.function_url import payload

from bench.measure import CommandFailedError
from bench.place import Place, installed
from bench.samples import Sample
from bench.scenarios import OURS, Side, nothing

STARLETTE, FASTAPI, SOCKET = "Starlette, uvicorn", "FastAPI, sse-starlette, uvicorn", "raw socket"
THEIRS = (STARLETTE, FASTAPI, SOCKET)
"""The sides that are not this project."""
EVENTS, PAUSE = 3_000, 0.001
"""Events of one sample, and the seconds before each: the events of a live stream are not there at once."""

_SERVERS = Path(__file__).parent / "servers"
_LOCK = Path(__file__).parent / "servers.txt"
_SECONDS = 60.0


def start(_: Place) -> Sequence[Side]:
    """A process that starts, streams one event, and ends on SIGTERM."""
    return _sides(
        {
            OURS: _started,
            STARLETTE: functools.partial(_served, _SERVERS / "starlette_app.py"),
            FASTAPI: functools.partial(_served, _SERVERS / "fastapi_app.py"),
        }
    )


def events(_: Place) -> Sequence[Side]:
    """Events of 311 bytes, one in a millisecond; the start is no part of it."""
    return _sides(
        {
            OURS: functools.partial(_streamed, _SERVERS / "our_events.py"),
            SOCKET: functools.partial(_streamed, _SERVERS / "raw_events.py"),
        }
    )


def _sides(measured: Mapping[str, Callable[[], Sample]]) -> Sequence[Side]:
    for sample in measured.values():
        sample()  # compiles what it imports
    return [Side(name, nothing, list, sample=sample) for name, sample in measured.items()]


def _started() -> Sample:
    """Our function, which the Runtime API gives one invocation."""
    with _runtime_api("events=1") as api:
        began = time.monotonic()
        child = _python("-m", "sse_streaming", runtime_api=api.address)
        api.require(api.first)
        wall = time.monotonic() - began
        api.require(api.ended)
        return Sample(wall, _cpu(child))


def _served(program: Path) -> Sample:
    """A web server, which gets one request."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    began = time.monotonic()
    child = _python(str(program), str(port))
    connection = _connected(port, began + _SECONDS)
    with connection:
        connection.sendall(b"GET /api/v2/stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer, wall = b"", 0.0
        while received := connection.recv(65536):
            answer += received
            if not wall and b"event: hello" in answer:
                wall = time.monotonic() - began
    if not wall:
        raise CommandFailedError(f"{program.name} answered {answer[:300]!r}")
    return Sample(wall, _cpu(child))


def _streamed(program: Path) -> Sample:
    """A process that streams EVENTS events, and says what they cost."""
    with _runtime_api() as api:
        child = _python(str(program), str(EVENTS), str(PAUSE), runtime_api=api.address)
        api.require(api.first)
        began = time.monotonic()
        api.require(api.ended)
        wall = time.monotonic() - began
        assert child.stdout is not None
        cpu = float(child.stdout.readline())
        _cpu(child)
        return Sample(wall, cpu)


def _python(*words: str, runtime_api: str = "") -> "subprocess.Popen[bytes]":
    """Python with the packages of all sides, and nothing of this process's environment that could change it."""
    inherited = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    variables = {**inherited, "PYTHONPATH": str(PROJECT / "src" / "lambdas"), "AWS_LAMBDA_RUNTIME_API": runtime_api}
    python = str(installed(_LOCK) / "python")
    return subprocess.Popen((python, *words), env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def _cpu(child: "subprocess.Popen[bytes]") -> float:
    """End a process; return its CPU seconds, from its start to its end."""
    child.send_signal(signal.SIGTERM)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.stdout is not None:
        child.stdout.close()
    return usage.ru_utime + usage.ru_stime


def _connected(port: int, due: float) -> socket.socket:
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=_SECONDS)
        except ConnectionRefusedError:
            if time.monotonic() > due:
                raise CommandFailedError(f"nothing listens on port {port}") from None
            time.sleep(0.002)


class _RuntimeApi:
    """Gives each process that asks one invocation, and reads its response. `first`, `ended`: of that response."""

    def __init__(self, listening: socket.socket, query: str) -> None:
        self.first, self.ended = threading.Event(), threading.Event()
        self.address = f"127.0.0.1:{listening.getsockname()[1]}"
        self._listening = listening
        self._invocation = json.dumps(payload(query=query)).encode()
        self._given = False

    def serve(self) -> None:
        """Serve connections, one after the other, until the socket is closed."""
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                connection.settimeout(_SECONDS)
                with connection:
                    self._answer(connection)

    def require(self, event: threading.Event) -> None:
        """Wait for the event. Raises CommandFailedError."""
        if not event.wait(_SECONDS):
            raise CommandFailedError("the function did not answer")

    def _answer(self, connection: socket.socket) -> None:
        received = connection.recv(65536)
        if received.startswith(b"POST"):
            self._read(connection, received)
            connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        elif not self._given:
            self._given = True
            head = f"Lambda-Runtime-Aws-Request-Id: 1\r\nLambda-Runtime-Deadline-Ms: {int(time.time() + 900)}000"
            connection.sendall(
                f"HTTP/1.1 200 OK\r\n{head}\r\nContent-Length: {len(self._invocation)}\r\n\r\n".encode()
                + self._invocation
            )
        else:
            connection.recv(1)  # no further invocation: until the process ends

    def _read(self, connection: socket.socket, begun: bytes) -> None:
        last = begun
        while True:
            if b"event: " in last:
                self.first.set()
            if last.endswith(b"0\r\n\r\n"):
                break
            part = connection.recv(1 << 20)
            if not part:
                return
            last = last[-64:] + part
        self.ended.set()


@contextlib.contextmanager
def _runtime_api(query: str = "") -> Iterator[_RuntimeApi]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        api = _RuntimeApi(listening, query)
        threading.Thread(target=api.serve, daemon=True).start()
        yield api
        listening.shutdown(socket.SHUT_RDWR)
