"""AWS's own Runtime Interface Emulator (RIE) in a local process, which starts our function as its runtime."""

import http.client
import json
import os
import platform
import shlex
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from support import function_url
from support.function.process import ROOT, SOURCES, free_address, free_port
from support.waiting import until

from delivery.image import start_check
from delivery.process.shell import Shell

NAMESPACE = Path(__file__).with_name("managed_namespace.sh")


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
def emulator(log, *app, runtime_api=None, options=(), **environment):
    """Run the emulator with the function as its runtime, or with the app of `broken_apps` that `app` names."""
    port = free_port()
    command = (*_emulator(port, runtime_api), *options, *_runtime(app))
    with _running(command, {**os.environ, **_paths(), **environment}, port, log) as started:
        yield started


@contextmanager
def managed_emulator(log, concurrency, *app, **environment):
    """Run the emulator as on Lambda Managed Instances: the runtime may have `concurrency` invocations at a time.

    In this mode the emulator starts /var/runtime/bootstrap in /var/task, whatever its arguments are, as another user.
    Both need root; the folders are in a mount namespace of the emulator's own, so the machine has none of them.
    """
    port = free_port()
    closed = "".join(f"{folder}\n" for folder in _closed())
    variables = {**_paths(), **environment, "AWS_LAMBDA_MAX_CONCURRENCY": str(concurrency), "CLOSED": closed}
    inherited = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    words = [f"{name}={value}" for name, value in {**inherited, **variables}.items()]
    command = (*as_root(), "env", "-i", *words, "unshare", "--mount", "sh", str(NAMESPACE), shlex.join(_runtime(app)))
    with _running((*command, *_emulator(port, None), "bootstrap"), os.environ, port, log, as_root()) as started:
        yield started


def as_root():
    """The words that run a command as root without a question; None if this user cannot do that."""
    if os.geteuid() == 0:
        return ()
    sudo = ("sudo", "--non-interactive", "--")
    asked = shutil.which("sudo") and subprocess.run([*sudo, "true"], capture_output=True, check=False)
    return sudo if asked and asked.returncode == 0 else None


def _closed():
    """The folders above the interpreter and the project that another user may not enter, the outermost first."""
    paths = (Path(sys.executable), Path(sys.executable).resolve(), ROOT)
    folders = {folder for path in paths for folder in path.parents if not folder.stat().st_mode & 0o001}
    return sorted(folders, key=lambda folder: len(folder.parts))


def _emulator(port, runtime_api):
    return (
        *(str(download_program()), "--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", runtime_api or free_address()),
    )


def _runtime(app):
    return (sys.executable, "-m", "support.function.entrypoint", *app)


def _paths():
    return {"PYTHONPATH": os.pathsep.join([str(SOURCES), str(ROOT / "tests")])}


@contextmanager
def _running(command, environment, port, log, killer=()):
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        until(lambda: process.poll() is not None or _listens(port), 10, "the emulator's port")
        assert process.poll() is None, f"the emulator ended at its start: {log.read_text()}"
        yield Emulator(port, log)
    finally:
        # SIGTERM, not SIGKILL: on SIGTERM the emulator also stops the runtime that it started.
        if process.poll() is None:
            subprocess.run([*killer, "kill", str(process.pid)], check=True)  # sudo passes the signal on
        process.wait(10)


def _listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True
