"""The page at `/`: one file without any other resource, and a policy that lets a browser run nothing else.

Source: W3C, "Content Security Policy Level 3", section 8.3 on the hash of an inline script or style.
"""

import base64
import functools
import hashlib
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

_FILE = Path(__file__).with_name("page.html")


async def endpoint(_request: Request) -> Response:
    """Answer with the page."""
    return Response(*_content())


@functools.cache
def _content() -> tuple[bytes, int, dict[str, str]]:
    """The page, its status and its headers; read at the first request, so that the start does not pay for it."""
    body = _FILE.read_bytes()
    policy = {
        "default-src": "'none'",
        "script-src": _hash(body, "script"),
        "style-src": _hash(body, "style"),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return (
        body,
        200,
        {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
            "cache-control": "no-cache",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        },
    )


def _hash(body: bytes, element: str) -> str:
    """The source expression of the only element with that name."""
    (content,) = re.findall(rf"<{element}>(.*?)</{element}>".encode(), body, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}'"
