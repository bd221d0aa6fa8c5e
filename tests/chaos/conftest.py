"""One clone with two environments for all that is broken here: `preprod` is the place, `sandbox` is `deployed`."""

import base64
import random
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.chaos.faulty_relay import relaying, through
from support.chaos.place import PASSWORD, Place
from support.chaos.shims import records, shim
from support.chaos.watch import Watch
from support.deploys.checkout import Outcome
from support.deploys.clones import checkout, deployed

__all__ = ["checkout", "deployed"]
HERE = Path(__file__).parent
TABLES: list[str] = []
"""What the tests of this folder print at the end."""


def pytest_addoption(parser):
    parser.addoption("--cancels", type=int, default=8, help="how many deploys are cancelled")
    parser.addoption("--seed", type=int, default=random.randrange(10**6), help="when they are cancelled")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """The tests of the other environment come last: the first deploy of a clone is the one that is watched."""
    items.sort(key=lambda item: item.path.is_relative_to(HERE) and "watched" not in item.fixturenames)


def pytest_terminal_summary(terminalreporter):
    for line in TABLES:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def table():
    return TABLES


@dataclass(frozen=True)
class Watched:
    """A first deploy, and everything that was seen of it."""

    place: Place
    outcome: Outcome
    watch: Watch
    environments: str
    files: dict[str, str]


@pytest.fixture(scope="session")
def watched(checkout, tmp_path_factory):
    """A first deploy to preprod."""
    home, outside = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("outside")
    place = Place.make(checkout)
    log = outside / "environments"
    paths = [shim(outside / "bin", place.path, tool, ("", records(log))) for tool in ("git", "docker")]
    variables = {
        **paths[0],
        "HOME": str(home),
        "GITHUB_STEP_SUMMARY": str(outside / "summary"),
        "GITHUB_OUTPUT": str(outside / "output"),
    }
    with relaying(place.endpoint, rewrites=[*_password(place)]) as relay, Watch() as watch:
        outcome = place.invoke("deploy --debug", **variables, **through(relay))
    assert outcome.code == 0, outcome.text
    files = {name: (outside / name).read_text() for name in ("summary", "output")}
    return Watched(place, outcome, watch, log.read_text(), {**files, **_read(home)})


@pytest.fixture(scope="session")
def place(watched):
    """Where the first deploy went well."""
    return watched.place


@pytest.fixture
def clone(deployed):
    """The deployed clone, put back as it was."""
    checkout, _ = deployed
    commit = checkout.head()
    yield checkout
    checkout.restore(commit)


def _password(place):
    """The registry's password becomes one that can be looked for: the emulator takes any."""
    token = place.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    yield token, base64.b64encode(f"AWS:{PASSWORD}".encode()).decode()


def _read(folder):
    return {str(path): path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()}
