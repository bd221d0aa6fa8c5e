"""Start, repair and stop of the AWS emulator."""

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.local_cloud import LocalCloud, completion, create, invoke

from sandbox import processes
from sandbox.emulator import cloud, configuration
from sandbox.layout import Layout


@pytest.fixture
def another(local: LocalCloud, tmp_path: Path) -> Iterator[LocalCloud]:
    """A second cloud, on the same engine."""
    layout = Layout.of(tmp_path)
    try:
        yield LocalCloud(layout, local.engine, cloud.start(layout, local.engine, print), local.image)
    finally:
        cloud.stop(layout)


def test_only_this_machine_and_its_containers_reach_the_cloud(local: LocalCloud) -> None:
    listening = {
        connection.laddr.ip
        for connection in process(local).net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1", local.engine.gateway} - {""}


def test_a_second_start_uses_the_cloud_that_runs(local: LocalCloud) -> None:
    before = process(local).pid
    assert cloud.start(local.layout, local.engine, print) == local.cloud
    assert process(local).pid == before
    assert cloud.status(local.layout)[0] == "up"


def test_settings_of_the_users_shell_do_not_reach_the_cloud(local: LocalCloud) -> None:
    names = process(local).environ().keys()
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL", "PYTEST_CURRENT_TEST"} & names


def test_two_clouds_on_one_engine_share_no_functions(local: LocalCloud, another: LocalCloud) -> None:
    assert another.cloud.endpoint != local.cloud.endpoint
    create(another, "theirs")
    names = [function["FunctionName"] for function in local.aws("lambda").list_functions()["Functions"]]
    assert "theirs" not in names


def test_of_two_clouds_that_start_at_once_the_second_takes_another_port(
    local: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port was free for both; the first has taken it, and answers there, when the second one starts."""
    taken, free_ports = int(local.cloud.endpoint.rpartition(":")[2]), configuration.free_ports
    monkeypatch.setattr(configuration, "free_ports", lambda *hosts: itertools.chain([taken], free_ports(*hosts)))
    layout = Layout.of(tmp_path)
    try:
        second = cloud.start(layout, local.engine, print)
        assert second.endpoint != local.cloud.endpoint
        assert cloud.status(layout)[0] == cloud.status(local.layout)[0] == "up"
    finally:
        cloud.stop(layout)


def test_the_next_start_replaces_a_killed_cloud_at_the_same_address(another: LocalCloud) -> None:
    """The new cloud has no functions, and the containers of the old one are removed."""
    serve_something(another)
    os.kill(process(another).pid, signal.SIGKILL)
    assert processes.wait_until(lambda: cloud.status(another.layout)[0] == "down", 10)
    assert another.function_containers()
    assert cloud.start(another.layout, another.engine, print) == another.cloud
    assert another.aws("lambda").list_functions()["Functions"] == []
    assert another.function_containers() == set()


def test_a_cloud_that_hangs_is_replaced(another: LocalCloud) -> None:
    stuck = process(another)
    os.kill(stuck.pid, signal.SIGSTOP)
    assert cloud.status(another.layout)[0] == "broken"
    assert cloud.start(another.layout, another.engine, print) == another.cloud
    assert not processes.alive(stuck)


@pytest.mark.parametrize("killed", [False, True])
def test_stopping_leaves_nothing(local: LocalCloud, another: LocalCloud, killed: bool) -> None:
    serve_something(another)
    last = process(another)
    others = local.function_containers()
    if killed:
        os.kill(last.pid, signal.SIGKILL)
    cloud.stop(another.layout)
    assert not processes.alive(last)
    assert another.function_containers() == set()
    assert not (another.layout.home / "cloud").exists()
    assert cloud.status(another.layout) == ("down", "")
    assert local.function_containers() == others


def serve_something(local: LocalCloud) -> None:
    """Start a container."""
    create(local, "served")
    assert completion(invoke(local, "served", "1", {"rawPath": "/quick"})) == {}


def process(local: LocalCloud) -> psutil.Process:
    running = processes.find(configuration.marker(local.layout))
    assert running
    return running
