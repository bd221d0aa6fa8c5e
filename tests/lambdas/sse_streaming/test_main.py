"""The function's process ends with an exit code that tells its reason."""

import signal
import socket

from support.function import process


def test_sigterm_ends_a_runtime_that_waits_for_an_invocation():
    """Exit code 0 proves that our handler ran: without it, a container's first process ignores the signal."""
    with socket.create_server(("127.0.0.1", 0)) as api:
        address = f"127.0.0.1:{api.getsockname()[1]}"
        with process.python("-m", "sse_streaming", AWS_LAMBDA_RUNTIME_API=address) as runtime:
            api.settimeout(10)
            connection, _ = api.accept()
            assert connection.recv(4096).startswith(b"GET /2018-06-01/runtime/invocation/next ")
            runtime.send_signal(signal.SIGTERM)
            assert (runtime.wait(2), runtime.stderr.read()) == (0, b"")


def test_a_runtime_that_cannot_reach_its_api_ends_with_an_error_that_names_the_address():
    with process.python("-m", "sse_streaming", AWS_LAMBDA_RUNTIME_API="127.0.0.1:1") as runtime:
        assert runtime.wait(10) == 1
        assert b"no connection to the Runtime API at 127.0.0.1:1" in runtime.stderr.read()


def test_a_process_that_no_lambda_started_ends_with_an_error_that_says_so():
    with process.python("-m", "sse_streaming", AWS_LAMBDA_RUNTIME_API="") as runtime:
        assert runtime.wait(10) == 1
        assert b"AWS_LAMBDA_RUNTIME_API is not set" in runtime.stderr.read()
