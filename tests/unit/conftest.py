"""Unit tests start no process, open no socket and make no AWS client: each of the three raises here."""

import signal
import socket
import subprocess
from pathlib import Path

import boto3
import pytest
from support import world
from support.messages import Recorder

DESELECTED = pytest.StashKey[bool]()
_LAST = "test_messages.py"  # compares what all other tests recorded


def pytest_addoption(parser):
    parser.addoption("--update-messages", action="store_true", help="write tests/unit/messages.txt again")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name == _LAST)


def pytest_deselected(items):
    if items:
        items[0].config.stash[DESELECTED] = True


def _refuse(what):
    def refused(*args, **_):
        raise AssertionError(f"a unit test may not {what}: {args[:2]}")

    return refused


@pytest.fixture(scope="session")
def recorder(tmp_path_factory):
    """The messages of this session: see support/messages.py."""
    return Recorder(tmp_path_factory.getbasetemp())


@pytest.fixture(autouse=True)
def _record_messages(recorder, monkeypatch):
    recorder.install(monkeypatch)
    yield
    recorder.finish()


@pytest.fixture(scope="session")
def complete(pytestconfig):
    """Whether this session runs every unit test: no part, no selection."""
    unit = Path(__file__).parent
    paths = [
        (pytestconfig.invocation_params.dir / argument.partition("::")[0]).resolve() for argument in pytestconfig.args
    ]
    whole = any(path.is_dir() and unit.is_relative_to(path) for path in paths) and not any(
        "::" in a for a in pytestconfig.args
    )
    return whole and not pytestconfig.stash.get(DESELECTED, False)


@pytest.fixture(autouse=True)
def _signals():
    """A task sets how its process takes signals; the tests' process keeps its own."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _start(monkeypatch):
    world.start(monkeypatch)


@pytest.fixture(autouse=True)
def _no_effects(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", _refuse("start a process"))
    monkeypatch.setattr(socket.socket, "connect", _refuse("open a socket"))
    monkeypatch.setattr(boto3, "Session", _refuse("make an AWS client"))
    # In a workflow, these tests would write to the page and the outputs of their own job, and stop its commands.
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
