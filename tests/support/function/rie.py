"""AWS's own Runtime Interface Emulator (RIE) in a local process, which starts our function as its runtime."""

import http.client
import json
import os
import platform
import socket
import subprocess
import sys
from contextlib import contextmanager

from support import function_url
from support.function.process import ROOT, SOURCES, free_address, free_port
from support.waiting import until

from delivery.image import start_check
from delivery.process.shell import Shell


def download_program():
    """Return the path of the emulator's program, which is downloaded once for each state of its lock file."""
    machine = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[platform.machine()]
    return start_check.emulator(ROOT / ".cache", machine, Shell(os.environ))


class Emulator:
    """An emulator that runs; `log` is the output of the emulator and of the function."""

    def __init__(self, port, log):
        self._port = port
        self._log = log

    @property
    def log(self):
        return self._log.read_text()

    def invoke(self, payload):
        """Invoke the function; return the HTTP status and the whole body of the emulator's answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        connection.request("POST", function_url.INVOKE_PATH, json.dumps(payload))
        answer = connection.getresponse()
        return answer.status, answer.read()


@contextmanager
def emulator(log, *app, runtime_api=None, **environment):
    """Run the emulator with the function as its runtime, or with the app of `broken_apps` that `app` names."""
    port = free_port()
    command = [
        *(download_program(), "--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", runtime_api or free_address()),
        *(sys.executable, "-m", "support.function.entrypoint", *app),
    ]
    paths = os.pathsep.join([str(SOURCES), str(ROOT / "tests")])
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=os.environ | {"PYTHONPATH": paths} | environment
        )
    try:
        until(lambda: process.poll() is not None or _listens(port), 10, "the emulator's port")
        assert process.poll() is None, "the emulator ended at its start"
        yield Emulator(port, log)
    finally:
        # SIGTERM, not SIGKILL: on SIGTERM the emulator also stops the runtime that it started.
        process.terminate()
        process.wait(10)


def _listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True
