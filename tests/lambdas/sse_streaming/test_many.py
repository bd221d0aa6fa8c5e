"""Hundreds of streams in one process, as on Lambda Managed Instances."""

import asyncio
import re
import resource
import sys
from pathlib import Path

import pytest
from support.function import process
from support.function.fake_runtime_api import FakeRuntimeApi
from support.function_url import payload

STREAMS = 500
KILOBYTES = 64
"""What one stream may cost; about 30 were measured."""


@pytest.fixture(autouse=True)
def _enough_open_files():
    """Both processes have a connection for each stream; macOS allows 256 open files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, before[1]) if before[1] > 0 else 4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def memory(pid):
    """The resident memory of a process, in kilobytes: proc_pid_status(5)."""
    return int(re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[1])


async def open_streams(count, query):
    async with FakeRuntimeApi() as api:
        concurrency = {"AWS_LAMBDA_RUNTIME_API": api.address, "AWS_LAMBDA_MAX_CONCURRENCY": str(count)}
        with process.python("-m", "sse_streaming", **concurrency) as function:
            first = api.invoke(payload(query=query))
            await first.wait_for(b"event: hello", seconds=60)
            before = memory(function.pid)
            streams = [api.invoke(payload(query=query)) for _ in range(count - 1)]
            for stream in streams:
                await stream.wait_for(b"event: hello", seconds=60)
            return before, memory(function.pid)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the memory of a process is read from /proc")
def test_each_of_five_hundred_streams_in_one_process_begins_and_costs_little_memory():
    before, after = asyncio.run(open_streams(STREAMS, "interval=1"))
    assert (after - before) / STREAMS < KILOBYTES
