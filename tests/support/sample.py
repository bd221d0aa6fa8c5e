"""The sample function, which `invoke remove --name sse-streaming` removes."""

import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
PRESENT = (_ROOT / "src/lambdas/sse_streaming").exists()
"""Whether the project still has the sample."""

needed = pytest.mark.skipif(not PRESENT, reason="it needs the sample, which this project has removed")
"""Marks a test that needs the sample; tests/conftest.py skips those that deploy it."""


def hide_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the project's own functions from imports: a team may have one with the name that a test gives a new one."""
    folder = str(_ROOT / "src/lambdas")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != folder])
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(folder):
            monkeypatch.delitem(sys.modules, name)
