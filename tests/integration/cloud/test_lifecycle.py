"""Starting, finding again, healing and ending the local cloud."""

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

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
    pid = process(place).pid
    inodes = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    listening = {
        host
        for table in ("tcp", "tcp6")
        for host, state, inode in rows(Path("/proc/net") / table)
        if state == "0A" and f"socket:[{inode}]" in inodes
    }
    assert listening == {"127.0.0.1", place.engine.gateway} - {""}


def test_a_second_start_finds_the_cloud_as_it_is(place: Place) -> None:
    before = process(place).pid
    assert cloud.start(place.layout, place.engine, print) == place.cloud
    assert process(place).pid == before
    assert cloud.status(place.layout)[0] == "up"


def test_settings_of_the_users_shell_do_not_reach_the_cloud(place: Place) -> None:
    environment = Path(f"/proc/{process(place).pid}/environ").read_bytes().split(b"\0")
    names = {line.partition(b"=")[0].decode() for line in environment}
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL", "PYTEST_CURRENT_TEST"} & names


def test_two_clouds_on_one_engine_know_nothing_of_one_another(place: Place, another: Place) -> None:
    assert another.cloud.endpoint != place.cloud.endpoint
    create(another, "theirs")
    names = [function["FunctionName"] for function in place.aws("lambda").list_functions()["Functions"]]
    assert "theirs" not in names


def test_of_two_that_start_at_once_the_second_takes_another_port_and_not_the_first_one_s_answers(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both found the same port free; the first had it by the time the second looked whether it answers."""
    taken, find = int(place.cloud.endpoint.rpartition(":")[2]), configuration.free_ports
    monkeypatch.setattr(configuration, "free_ports", lambda *given: itertools.chain([taken], find(*given)))
    layout = Layout.of(tmp_path)
    try:
        second = cloud.start(layout, place.engine, print)
        assert second.endpoint != place.cloud.endpoint
        assert cloud.status(layout)[0] == cloud.status(place.layout)[0] == "up"
    finally:
        cloud.stop(layout)


def test_a_killed_cloud_is_healed_by_the_next_start_at_the_same_address(another: Place) -> None:
    """It has forgotten its functions; the containers they ran in are gone."""
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
    assert not stuck.alive


@pytest.mark.parametrize("killed", [False, True])
def test_stopping_leaves_nothing(place: Place, another: Place, killed: bool) -> None:
    serve_something(another)
    last = process(another)
    others = place.function_containers()
    if killed:
        os.kill(last.pid, signal.SIGKILL)
    cloud.stop(another.layout)
    assert not last.alive
    assert another.function_containers() == set()
    assert not (another.layout.home / "cloud").exists()
    assert cloud.status(another.layout) == ("down", "")
    assert place.function_containers() == others


def serve_something(place: Place) -> None:
    """So that there is a container."""
    create(place, "served")
    assert completion(invoke(place, "served", "1", {"rawPath": "/quick"})) == {}


def rows(table: Path) -> Iterator[tuple[str, str, str]]:
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        packed = bytes.fromhex(fields[1].partition(":")[0])
        host = ".".join(map(str, reversed(packed))) if len(packed) == 4 else "::" + packed.hex()
        yield host, fields[3], fields[9]


def process(place: Place) -> processes.Process:
    found = processes.find(place.layout, cloud.NAME)
    assert found
    return found
