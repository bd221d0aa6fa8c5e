"""The sample function, which `invoke remove --name sse-streaming` removes. Without it, what deploys it is skipped."""

import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
PRESENT = (_ROOT / "src/lambdas/sse_streaming").exists()
"""Whether the project still has the sample."""

_DEPLOY_IT = ("tests/bench", "tests/chaos", "tests/image", "tests/integration", "tests/real", "tests/workflow")
# They have functions of their own, or none.
_DO_NOT = ("tests/image/test_base.py", "tests/image/test_new.py", "tests/integration/cloud")
_REASON = "it deploys the sample, which this project has removed"
needed = pytest.mark.skipif(not PRESENT, reason=_REASON)
"""Marks a test of the other suites that needs the sample."""


def skip_without(items: list[pytest.Item], *, present: bool = PRESENT) -> None:
    """Skip those of the tests that deploy the sample, if the project has it no more."""
    for item in items if not present else ():
        path = item.path.relative_to(_ROOT).as_posix()
        if path.startswith(_DEPLOY_IT) and not path.startswith(_DO_NOT):
            item.add_marker(pytest.mark.skip(reason=_REASON))


def hide_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the project's own functions from imports: a team may have one with the name that a test gives a new one."""
    folder = str(_ROOT / "src/lambdas")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != folder])
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(folder):
            monkeypatch.delitem(sys.modules, name)
