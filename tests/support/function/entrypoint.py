"""The process that AWS's emulator starts as the runtime: `python -m support.function.entrypoint [APP]`.

It runs the function, or the app APP of `broken_apps`. If the variable RELAY is set, to host:port, the runtime
connects to that relay instead of the emulator's Runtime API.
"""

import asyncio
import os
import runpy
import sys

from support.function import broken_apps

from sse_streaming import runtime

if "RELAY" in os.environ:
    os.environ["AWS_LAMBDA_RUNTIME_API"] = os.environ["RELAY"]
if len(sys.argv) > 1:
    app = getattr(broken_apps, sys.argv[1])
    asyncio.run(runtime.run(os.environ["AWS_LAMBDA_RUNTIME_API"], lambda: app))
else:
    runpy.run_module("sse_streaming", run_name="__main__")
