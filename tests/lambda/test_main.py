"""The process: how it ends."""

import os
import signal
import socket
import subprocess
import sys

from rie import SOURCES


def test_sigterm_ends_a_runtime_that_waits_for_an_invocation():
    """Exit code 0 is our own handler's: without one, a container's first process would ignore the signal."""
    with socket.create_server(("127.0.0.1", 0)) as api:
        address = f"127.0.0.1:{api.getsockname()[1]}"
        environment = os.environ | {"PYTHONPATH": str(SOURCES), "AWS_LAMBDA_RUNTIME_API": address}
        process = subprocess.Popen([sys.executable, "-m", "sse_streaming"], env=environment, stderr=subprocess.PIPE)
        try:
            api.settimeout(10)
            connection, _ = api.accept()
            assert connection.recv(4096).startswith(b"GET /2018-06-01/runtime/invocation/next ")
            process.send_signal(signal.SIGTERM)
            assert (process.wait(2), process.stderr.read()) == (0, b"")
        finally:
            process.kill()
            process.wait()
            process.stderr.close()


def test_a_runtime_without_its_api_ends_with_an_error():
    environment = os.environ | {"PYTHONPATH": str(SOURCES), "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"}
    ended = subprocess.run([sys.executable, "-m", "sse_streaming"], env=environment, capture_output=True, timeout=10)
    assert ended.returncode == 1
    assert b"no connection to the Runtime API at 127.0.0.1:1" in ended.stderr
