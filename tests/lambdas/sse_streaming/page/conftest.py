"""One browser and one function for the tests of the page."""

from pathlib import Path

import pytest
from support.browser import axe, program
from support.browser.chromium import browser
from support.browser.front import front

from sandbox.debian import apt, packages
from sandbox.layout import Layout

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="session")
def programs():
    if packages.system() not in apt.KEYRINGS:
        pytest.skip("the browser comes from Debian's packages, which need Debian or Ubuntu")
    return program.programs(Layout.of(ROOT))


@pytest.fixture(scope="session")
def chromium(programs, tmp_path_factory):
    with browser(programs.chromium, tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="session")
def axe_script():
    return axe.script(ROOT / ".cache")


@pytest.fixture
def function():
    """The function at a URL of its own, with a table of events."""
    with front() as started:
        yield started
