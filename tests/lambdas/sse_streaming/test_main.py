"""The function's process ends with an exit code that tells its reason."""

import json
import os
import signal
import socket
import time

from support.function import process
from support.function_url import payload


def test_sigterm_ends_a_runtime_that_waits_for_an_invocation():
    """Exit code 0 proves that our handler ran: without it, a container's first process ignores the signal."""
    with socket.create_server(("127.0.0.1", 0)) as api:
        address = f"127.0.0.1:{api.getsockname()[1]}"
        with process.python("-m", "sse_streaming", AWS_LAMBDA_RUNTIME_API=address) as runtime:
            api.settimeout(10)
            connection, _ = api.accept()
            assert connection.recv(4096).startswith(b"GET /2018-06-01/runtime/invocation/next ")
            runtime.send_signal(signal.SIGTERM)
            assert (runtime.wait(10), runtime.stderr.read()) == (0, b"")


def test_sigterm_in_the_middle_of_a_stream_ends_the_stream_and_the_process():
    content = json.dumps(payload(query="interval=60")).encode()
    with (
        socket.create_server(("127.0.0.1", 0)) as api,
        process.python("-m", "sse_streaming", AWS_LAMBDA_RUNTIME_API=f"127.0.0.1:{api.getsockname()[1]}") as runtime,
    ):
        api.settimeout(20)
        connection, _ = api.accept()
        connection.recv(4096)
        head = f"Lambda-Runtime-Aws-Request-Id: 1\r\nLambda-Runtime-Deadline-Ms: {int(time.time() + 60)}000\r\n"
        connection.sendall(f"HTTP/1.1 200 OK\r\n{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        connection, _ = api.accept()
        connection.settimeout(20)
        response = b""
        while b"event: hello" not in response:
            response += connection.recv(4096)
        runtime.send_signal(signal.SIGTERM)
        while not response.endswith(b"\r\n0\r\n\r\n"):  # the end of a chunked body without trailers
            received = connection.recv(4096)
            assert received, f"the connection was cut after {response[-100:]!r}"
            response += received
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        assert (runtime.wait(10), runtime.stderr.read()) == (0, b"")


def test_a_request_imports_nothing():
    """The CPU share of a small function makes an import in a request last ten times as long as at the start."""
    content = (
        "import asyncio, sys; from support.function.fake_runtime_api import FakeRuntimeApi; "
        "from support.function_url import payload; from sse_streaming import app, runtime, settings\n"
        "async def main():\n"
        "    async with FakeRuntimeApi() as api:\n"
        "        task = asyncio.create_task(runtime.run(api.address, lambda: app.create(settings.load({}))))\n"
        "        before = set(sys.modules)\n"
        "        await api.invoke(payload(query='events=1')).ended()\n"
        "        print(*sorted(set(sys.modules) - before), file=sys.stderr)\n"
        "        task.cancel()\n"
        "asyncio.run(main())"
    )
    paths = os.pathsep.join([str(process.SOURCES), str(process.ROOT / "tests")])
    with process.python("-c", content, PYTHONPATH=paths) as runtime:
        assert (runtime.wait(20), runtime.stderr.read().strip()) == (0, b"")


def test_a_runtime_that_cannot_reach_its_api_ends_with_an_error_that_names_the_address():
    with process.python("-m", "sse_streaming", AWS_LAMBDA_RUNTIME_API="127.0.0.1:1") as runtime:
        assert runtime.wait(10) == 1
        assert b"no connection to the Runtime API at 127.0.0.1:1" in runtime.stderr.read()


def test_a_process_that_no_lambda_started_ends_with_an_error_that_says_so():
    with process.python("-m", "sse_streaming", AWS_LAMBDA_RUNTIME_API="") as runtime:
        assert runtime.wait(10) == 1
        assert b"AWS_LAMBDA_RUNTIME_API is not set" in runtime.stderr.read()
