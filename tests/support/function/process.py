"""Start the function's code in a Python process of its own."""

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "src/lambdas"


@contextmanager
def python(*arguments, **environment):
    """Run `python ARGUMENTS` with the function's sources on its path, and kill it when the context ends."""
    variables = os.environ | {"PYTHONPATH": str(SOURCES)} | environment
    process = subprocess.Popen([sys.executable, *arguments], env=variables, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def free_address():
    return f"127.0.0.1:{free_port()}"
