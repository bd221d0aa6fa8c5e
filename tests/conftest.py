"""Without the sample, the tests that deploy it are skipped.

It imports nothing of the tests: `invoke acceptance` runs pytest without their folders.
"""

from pathlib import Path

import pytest

_TESTS = Path(__file__).parent
_PRESENT = (_TESTS.parent / "src/lambdas/sse_streaming").exists()
_DEPLOY_IT = ("bench", "chaos", "image", "integration", "real", "workflow")
# They have functions of their own, or none.
_DO_NOT = ("image/test_base.py", "image/test_new.py", "integration/cloud")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in () if _PRESENT else items:
        path = item.path.relative_to(_TESTS).as_posix()
        if path.startswith(_DEPLOY_IT) and not path.startswith(_DO_NOT):
            item.add_marker(pytest.mark.skip(reason="it deploys the sample, which this project has removed"))
