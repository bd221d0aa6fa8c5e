"""Start, repair and stop of the AWS emulator."""

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cloud_place import Place, completion, create, invoke

from sandbox import processes
from sandbox.emulator import cloud, configuration
from sandbox.layout import Layout


@pytest.fixture
def another(place: Place, tmp_path: Path) -> Iterator[Place]:
    """A second cloud, on the same engine."""
    layout = Layout.of(tmp_path)
    try:
        yield Place(layout, place.engine, cloud.start(layout, place.engine, print), place.image)
    finally:
        cloud.stop(layout)


def test_only_this_machine_and_its_containers_reach_the_cloud(place: Place) -> None:
    listening = {
        connection.laddr.ip
        for connection in process(place).net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1", place.engine.gateway} - {""}


def test_a_second_start_uses_the_cloud_that_runs(place: Place) -> None:
    before = process(place).pid
    assert cloud.start(place.layout, place.engine, print) == place.cloud
    assert process(place).pid == before
    assert cloud.status(place.layout)[0] == "up"


def test_settings_of_the_users_shell_do_not_reach_the_cloud(place: Place) -> None:
    names = process(place).environ().keys()
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL", "PYTEST_CURRENT_TEST"} & names


def test_two_clouds_on_one_engine_share_no_functions(place: Place, another: Place) -> None:
    assert another.cloud.endpoint != place.cloud.endpoint
    create(another, "theirs")
    names = [function["FunctionName"] for function in place.aws("lambda").list_functions()["Functions"]]
    assert "theirs" not in names


def test_of_two_clouds_that_start_at_once_the_second_takes_another_port(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port was free for both; the first has taken it, and answers there, when the second one starts."""
    taken, free_ports = int(place.cloud.endpoint.rpartition(":")[2]), configuration.free_ports
    monkeypatch.setattr(configuration, "free_ports", lambda *hosts: itertools.chain([taken], free_ports(*hosts)))
    layout = Layout.of(tmp_path)
    try:
        second = cloud.start(layout, place.engine, print)
        assert second.endpoint != place.cloud.endpoint
        assert cloud.status(layout)[0] == cloud.status(place.layout)[0] == "up"
    finally:
        cloud.stop(layout)


def test_the_next_start_replaces_a_killed_cloud_at_the_same_address(another: Place) -> None:
    """The new cloud has no functions, and the containers of the old one are removed."""
    serve_something(another)
    os.kill(process(another).pid, signal.SIGKILL)
    assert processes.wait_until(lambda: cloud.status(another.layout)[0] == "down", 10)
    assert another.function_containers()
    assert cloud.start(another.layout, another.engine, print) == another.cloud
    assert another.aws("lambda").list_functions()["Functions"] == []
    assert another.function_containers() == set()


def test_a_cloud_that_hangs_is_replaced(another: Place) -> None:
    stuck = process(another)
    os.kill(stuck.pid, signal.SIGSTOP)
    assert cloud.status(another.layout)[0] == "broken"
    assert cloud.start(another.layout, another.engine, print) == another.cloud
    assert not processes.alive(stuck)


@pytest.mark.parametrize("killed", [False, True])
def test_stopping_leaves_nothing(place: Place, another: Place, killed: bool) -> None:
    serve_something(another)
    last = process(another)
    others = place.function_containers()
    if killed:
        os.kill(last.pid, signal.SIGKILL)
    cloud.stop(another.layout)
    assert not processes.alive(last)
    assert another.function_containers() == set()
    assert not (another.layout.home / "cloud").exists()
    assert cloud.status(another.layout) == ("down", "")
    assert place.function_containers() == others


def serve_something(place: Place) -> None:
    """Start a container."""
    create(place, "served")
    assert completion(invoke(place, "served", "1", {"rawPath": "/quick"})) == {}


def process(place: Place) -> psutil.Process:
    running = processes.find(configuration.marker(place.layout))
    assert running
    return running
