"""What the emulator starts: the function's own main, or `python bootstrap.py APP` for one of the broken apps.

RELAY in the environment is the host:port of something that stands between us and the emulator's Runtime API.
"""

import asyncio
import os
import runpy
import sys

import broken_apps

from sse_streaming import runtime

if "RELAY" in os.environ:
    os.environ["AWS_LAMBDA_RUNTIME_API"] = os.environ["RELAY"]
if len(sys.argv) > 1:
    app = getattr(broken_apps, sys.argv[1])
    asyncio.run(runtime.run(os.environ["AWS_LAMBDA_RUNTIME_API"], lambda: app))
else:
    runpy.run_module("sse_streaming", run_name="__main__")
