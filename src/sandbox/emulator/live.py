"""Streams that stream. The emulator collects a function's answer before it passes on the first byte;
here its two ways into a function are replaced for image functions, everything else stays as it is.

    client ── Function URL (live_url) ────────────┐
                                                  ├── relay ── Run ── POST :8080 ── container of the pool
    client ── InvokeWithResponseStream ───────────┘   bytes as they come, bounded by the function's Timeout
              (live_invoke, frames by eventstream)
"""

import importlib
from typing import Any

from sandbox.emulator import function_url, response_stream


def install() -> None:
    """Put both in place; call once, before the emulator serves."""
    svc: Any = importlib.import_module("ministack.services.lambda_svc")
    svc.handle_function_url_request = function_url.live(svc, svc.handle_function_url_request)
    svc._invoke_with_response_stream = response_stream.live(svc, svc._invoke_with_response_stream)
