"""AWS's genuine Runtime Interface Emulator as a local process, with our function as the runtime it starts."""

import http.client
import json
import os
import platform
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from delivery.image import start_check
from delivery.process.shell import Shell

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = ROOT / "src/lambdas"
INVOKE_PATH = "/2015-03-31/functions/function/invocations"


def binary():
    """The emulator's program, fetched once for each state of the lock file."""
    machine = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[platform.machine()]
    return start_check.emulator(ROOT / ".cache", machine, Shell(os.environ))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def free_address():
    return f"127.0.0.1:{free_port()}"


class Emulator:
    """A running emulator; `log` is what it and the function wrote."""

    def __init__(self, port, log):
        self._port = port
        self._log = log

    @property
    def log(self):
        return self._log.read_text()

    def invoke(self, event):
        """Invoke the function; returns the emulator's status, headers and whole answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        connection.request("POST", INVOKE_PATH, json.dumps(event))
        response = connection.getresponse()
        return response.status, response.headers, response.read()


@contextmanager
def emulator(log, *app, runtime_api=None, **environment):
    """Run the emulator with the function, or with one of the broken apps, as its runtime."""
    port, runtime_api = free_port(), runtime_api or free_address()
    command = [
        *(binary(), "--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", runtime_api, sys.executable, HERE / "bootstrap.py", *app),
    ]
    paths = os.pathsep.join([str(SOURCES), str(HERE)])
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=os.environ | {"PYTHONPATH": paths} | environment
        )
    try:
        _wait_until_it_listens(port, process)
        yield Emulator(port, log)
    finally:
        # SIGTERM, not SIGKILL: the emulator then ends the runtime it started.
        process.terminate()
        process.wait(10)


def _wait_until_it_listens(port, process, patience=10.0):
    deadline = time.monotonic() + patience
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise AssertionError("the emulator does not listen")
