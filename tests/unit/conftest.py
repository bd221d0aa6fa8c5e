"""Unit tests start no process, open no socket and make no AWS client: each of the three raises here."""

import signal
import socket
import subprocess
from pathlib import Path

import boto3
import pytest
from support import messages

GOLDEN = Path(__file__).with_name("messages.txt")


def _refuse(action):
    def refused(*args, **_):
        raise AssertionError(f"a unit test may not {action}: {args[:2]}")

    return refused


@pytest.fixture(autouse=True)
def _signals():
    """A task sets the signal handlers of its process; the process of the tests keeps its own."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _no_effects(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", _refuse("start a process"))
    monkeypatch.setattr(socket.socket, "connect", _refuse("open a socket"))
    monkeypatch.setattr(boto3, "Session", _refuse("make an AWS client"))
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):  # in a workflow, these tests would write to their own job
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session", autouse=True)
def _golden_messages(request, tmp_path_factory):
    """Compare every message with the golden file; a run of some tests checks that its messages are in the file."""
    recorded = messages.Messages(tmp_path_factory.getbasetemp())
    with pytest.MonkeyPatch.context() as monkeypatch:
        recorded.install(monkeypatch)
        yield
    if request.session.testsfailed:
        return
    complete = _is_complete(request.session)
    if request.config.getoption("--update-messages"):
        assert complete, f"only a run of all unit tests can write the file: {messages.COMMAND}"
        messages.write(GOLDEN, recorded.blocks())
    golden, blocks = messages.read(GOLDEN), recorded.blocks()
    if not complete:
        golden = [block for block in golden if block in blocks]
    difference = messages.differences(golden, blocks)
    assert not difference, f"Messages differ from {GOLDEN.name}; `{messages.COMMAND}` writes it again:\n{difference}"
    if complete:
        untested = set(messages.raising_functions()) - recorded.places() - set(messages.UNTESTED_HERE)
        assert not untested, f"No unit test causes the errors of: {sorted(untested)}"


def _is_complete(session):
    """Whether the run has every test of tests/unit."""
    files = set(Path(__file__).parent.rglob("test_*.py"))
    narrowed = session.config.option.keyword or session.config.option.markexpr or "::" in " ".join(session.config.args)
    return not narrowed and files <= {item.path for item in session.items}
