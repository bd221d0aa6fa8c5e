"""The private Docker engine on this machine: it starts from an empty folder, repairs itself, and leaves nothing."""

import functools
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.deploys.leftovers import kill, left_behind, processes_of
from support.deploys.provisions import link_tree

from sandbox import lifecycle, processes
from sandbox.base_image import images, python
from sandbox.engine import choice, dockerd
from sandbox.engine.client import Engine
from sandbox.errors import SandboxError
from sandbox.layout import Layout

PROJECT = Path(__file__).parents[2]
BASE = python.REFERENCE
NO_DOCKER = {"PATH": os.environ["PATH"], "DOCKER_HOST": "unix:///nowhere.sock"}
SERVER = "import http.server as s; s.ThreadingHTTPServer(('', 80), s.SimpleHTTPRequestHandler).serve_forever()"
PROGRAM = "import os, ssl, sqlite3, ctypes, zoneinfo as z; print(os.getuid(), z.ZoneInfo('Asia/Tokyo'))"


def silent(line: str) -> None:
    """Progress that no person reads."""


def start(layout: Layout, update: Callable[[str], None] = silent) -> Engine:
    return choice.start(layout, update, NO_DOCKER)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Layout]]:
    """Makes sandboxes and ends them: the first one is empty, the others have the programs that it unpacked."""
    made: list[Layout] = []

    def make(name: str) -> Layout:
        layout = Layout.of(tmp_path_factory.mktemp(name))
        first = made[0] if made else Layout.of(PROJECT)
        folders = [first.cache / "apt", first.cache / "debs", *([dockerd.programs(first)] if made else [])]
        for folder in filter(Path.exists, folders):
            link_tree(folder, layout.home / folder.relative_to(first.home))
        made.append(layout)
        return layout

    yield make
    for layout in made:
        choice.stop(layout, silent)


@pytest.fixture(scope="module")
def layout(home: Callable[[str], Layout]) -> Layout:
    return home("engine")


@pytest.fixture
def ready(layout: Layout) -> Engine:
    running = start(layout)
    images.ensure(layout, running, BASE, silent)
    return running


@pytest.fixture
def server(ready: Engine) -> Iterator[str]:
    """A container that serves on its port 80, published on a free one of this machine."""
    container = ready.docker("run", "--detach", "--publish", "80", BASE, "python", "-c", SERVER).split()[-1]
    yield container
    ready.docker("rm", "--force", container)


def answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_an_engine_starts_from_an_empty_folder_and_a_second_start_does_nothing(layout: Layout) -> None:
    lines: list[str] = []
    first = start(layout, lines.append)
    assert first.private
    assert "ready in" in lines[-1]
    before = processes.find(dockerd.marker(layout))
    assert start(layout, lines.append) == first
    assert processes.find(dockerd.marker(layout)) == before
    assert len(lines) == 2


def test_an_image_is_built_and_run_without_any_registry(ready: Engine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {BASE}\nRUN python -m compileall -q /usr/local/lib && pip --version\nUSER 1234:1234\n"
        f'CMD ["python", "-c", "{PROGRAM}"]\n'
    )
    ready.docker("buildx", "build", "--quiet", "--network", "host", "--tag", "tiny", str(tmp_path))
    assert ready.docker("run", "--rm", "--read-only", "tiny").split() == ["1234", "Asia/Tokyo"]


def test_containers_are_reached_by_address_and_by_published_port(layout: Layout, ready: Engine, server: str) -> None:
    address = ready.docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", server).strip()
    published = ready.docker("port", server, "80").split()[0]
    host, port = published.split(":")
    assert (host, int(port) in range(*map(int, dockerd.ports(layout).split()))) == ("127.0.0.1", True)
    for server_address in (f"{address}:80", published):
        url = f"http://{server_address}/"
        assert processes.wait_until(functools.partial(answers, url), 15), url


def test_containers_reach_this_machine_through_the_gateway(ready: Engine) -> None:
    code = (
        "import socket,sys; s=socket.create_connection((sys.argv[1], int(sys.argv[2])), 5); print(s.recv(9).decode())"
    )
    for host in (ready.gateway, "host.docker.internal"):
        with socket.create_server((ready.gateway, 0)) as listener:
            port = str(listener.getsockname()[1])
            options = ["--detach", "--add-host", "host.docker.internal:host-gateway"]
            name = ready.docker("run", *options, BASE, "python", "-c", code, host, port).split()[-1]
            listener.settimeout(15)
            with listener.accept()[0] as peer:
                peer.sendall(b"welcome")
            ready.docker("wait", name)
            assert ready.docker("logs", name).strip() == "welcome"


@pytest.mark.parametrize(
    "victim", ["dockerd --config-file", "containerd --config", "unshare --mount", "tini-static --"]
)
def test_the_next_start_repairs_an_engine_of_which_a_part_was_killed(layout: Layout, server: str, victim: str) -> None:
    kill(layout, victim)
    if "containerd" not in victim:
        assert processes.wait_until(lambda: not processes_of(layout), 5), "the namespace still has processes"
    repaired = start(layout)
    assert repaired.docker("run", "--rm", BASE, "echo", "fine").strip() == "fine"
    assert server not in repaired.docker("ps", "--all", "--quiet", "--no-trunc")


@pytest.mark.parametrize("victim", [None, "dockerd --config-file", "containerd --config", "unshare --mount"])
def test_stop_leaves_nothing_outside_the_folder(layout: Layout, ready: Engine, victim: str | None) -> None:
    ready.docker("run", "--detach", "--publish", "80", BASE, "python", "-c", SERVER)
    assert {line.split()[0] for line in left_behind(layout)} >= {"link", "file", "process"}
    if victim:
        kill(layout, victim)
    choice.stop(layout, silent)
    assert left_behind(layout) == []
    assert choice.status(layout, NO_DOCKER) == ("down", "")


def test_the_stop_of_a_sandbox_leaves_another_running(home: Callable[[str], Layout], ready: Engine) -> None:
    other = home("other")
    second = start(other)
    assert second.gateway != ready.gateway
    assert BASE not in second.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    choice.stop(other, silent)
    assert left_behind(other) == []
    assert ready.docker("run", "--rm", BASE, "echo", "untouched").strip() == "untouched"


def test_an_engine_that_already_answers_is_used_and_not_stopped(
    home: Callable[[str], Layout], layout: Layout, ready: Engine
) -> None:
    guest = home("guest")
    theirs = {name: ready.variables[name] for name in ("PATH", "DOCKER_HOST", "DOCKER_CONFIG")}
    used = choice.start(guest, silent, theirs)
    assert not used.private
    assert used.gateway == ready.gateway
    assert BASE in used.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    assert "buildx" in used.docker("buildx", "version")
    choice.stop(guest, silent)
    assert left_behind(guest) == []
    assert start(layout) == ready


@pytest.mark.usefixtures("ready")
def test_a_base_image_that_is_made_again_has_the_same_bytes(layout: Layout) -> None:
    first = python.archive(layout, BASE)
    before = first.read_bytes()
    first.unlink()
    assert python.archive(layout, BASE).read_bytes() == before


def test_an_image_that_cannot_be_made_ready_is_named_and_its_build_alone_fails(layout: Layout, ready: Engine) -> None:
    folder = layout.root / "odd"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM registry.invalid/odd:1\n")
    (layout.root / "docker-bake.hcl").write_text('target "default" {\n  context = "odd"\n}\n')
    printed: list[str] = []
    assert images.ensure_all(layout, ready, printed.append) == {}
    assert "odd/Dockerfile: base image registry.invalid/odd:1 cannot be pulled" in printed[-1]
    assert "the sandbox can make only python:3.13-slim" in printed[-1]
    assert "The build of odd/Dockerfile will fail." in printed[-1]


def test_a_dockerd_that_cannot_start_is_reported_with_its_last_lines(home: Callable[[str], Layout]) -> None:
    broken = home("broken")
    broken.engine.mkdir(parents=True, exist_ok=True)
    (broken.engine / "data").write_text("in the way")
    with pytest.raises(SandboxError, match=r"(?s)private Docker engine does not start.*data.*try: read"):
        start(broken)
    assert left_behind(broken) == []


def test_the_next_start_completes_an_interrupted_start_and_a_stop_leaves_nothing(home: Callable[[str], Layout]) -> None:
    """As `lifecycle.INTERRUPTED` says."""
    layout = home("interrupted")
    # A shell that runs the tests in the background ignores SIGINT, and its children inherit that.
    interrupts = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    imports = "import sys; from pathlib import Path; from sandbox import lifecycle"
    code = f"{interrupts}; {imports}; lifecycle.start(Path(sys.argv[1]), print)"
    environment = {**os.environ, **NO_DOCKER, "PYTHONPATH": str(PROJECT / "src")}
    interrupted = subprocess.Popen(
        [sys.executable, "-c", code, str(layout.root)], env=environment, stderr=subprocess.DEVNULL
    )
    assert processes.wait_until(lambda: processes.find(dockerd.marker(layout)) is not None, 60)
    interrupted.send_signal(signal.SIGINT)
    assert interrupted.wait(30) != 0
    assert {line.split()[0] for line in left_behind(layout)} >= {"link", "process"}
    assert start(layout).docker("image", "ls", "--quiet") == ""
    lifecycle.stop(layout.root, silent)
    assert left_behind(layout) == []
