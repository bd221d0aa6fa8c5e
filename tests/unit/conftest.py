"""Unit tests start no process, open no socket and make no AWS client: each of the three raises here."""

import signal
import socket
import subprocess

import boto3
import pytest


def _refuse(what):
    def refused(*args, **_):
        raise AssertionError(f"a unit test may not {what}: {args[:2]}")

    return refused


@pytest.fixture(autouse=True)
def _signals():
    """A task sets how its process takes signals; the tests' process keeps its own."""
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
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):  # in a workflow, these tests would write to their job's own
        monkeypatch.delenv(name, raising=False)
