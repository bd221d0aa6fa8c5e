"""Without the sample, the suites that deploy it are skipped: see support.sample."""

import pytest
from support import sample


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    sample.skip_without(items)
