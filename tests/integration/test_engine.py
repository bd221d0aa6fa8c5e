"""The private Docker engine on this machine: it comes up from nothing, mends itself, and leaves nothing."""

import functools
import os
import shutil
import socket
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.traces import kill, left_behind, processes_of

from sandbox import processes
from sandbox.base_image import images
from sandbox.engine import choice, dockerd, private
from sandbox.engine.client import Engine
from sandbox.errors import SandboxError
from sandbox.layout import Layout

PROJECT = Path(__file__).parents[2]
BASE = images.MAKEABLE
NO_DOCKER = {"PATH": os.environ["PATH"], "DOCKER_HOST": "unix:///nowhere.sock"}
SERVER = "import http.server as s; s.ThreadingHTTPServer(('', 80), s.SimpleHTTPRequestHandler).serve_forever()"
PROGRAM = "import os, ssl, sqlite3, ctypes, zoneinfo as z; print(os.getuid(), z.ZoneInfo('Asia/Tokyo'))"


def silent(line: str) -> None:
    """Progress that nobody reads."""


def start(layout: Layout, say: Callable[[str], None] = silent) -> Engine:
    return choice.start(layout, say, NO_DOCKER)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Layout]]:
    """Makes empty sandboxes that share what was downloaded, and ends them."""
    made: list[Layout] = []

    def make(name: str) -> Layout:
        layout = Layout.of(tmp_path_factory.mktemp(name))
        earlier = [known.cache for known in made] or [PROJECT / ".sandbox/cache"]
        for kind in ("apt", "debs"):
            if (earlier[0] / kind).exists():
                shutil.copytree(earlier[0] / kind, layout.cache / kind, copy_function=os.link)
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
    told: list[str] = []
    first = start(layout, told.append)
    assert first.private
    assert "ready in" in told[-1]
    before = processes.find(layout, private.NAME)
    assert start(layout, told.append) == first
    assert processes.find(layout, private.NAME) == before
    assert len(told) == 2


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
    for place in (f"{address}:80", published):
        assert processes.wait_until(functools.partial(answers, f"http://{place}/"), 15), place


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
def test_an_engine_part_of_which_was_killed_is_mended_by_the_next_start(
    layout: Layout, server: str, victim: str
) -> None:
    kill(layout, victim)
    if "containerd" not in victim:
        assert processes.wait_until(lambda: not processes_of(layout), 5), "the namespace outlives its processes"
    mended = start(layout)
    assert mended.docker("run", "--rm", BASE, "echo", "fine").strip() == "fine"
    assert server not in mended.docker("ps", "--all", "--quiet", "--no-trunc")


@pytest.mark.parametrize("victim", [None, "dockerd --config-file", "containerd --config", "unshare --mount"])
def test_stop_leaves_nothing_outside_the_folder(layout: Layout, ready: Engine, victim: str | None) -> None:
    ready.docker("run", "--detach", "--publish", "80", BASE, "python", "-c", SERVER)
    assert {word.split()[0] for word in left_behind(layout)} >= {"link", "file", "process"}
    if victim:
        kill(layout, victim)
    choice.stop(layout, silent)
    assert left_behind(layout) == []
    assert choice.status(layout, NO_DOCKER) == ("down", "")


def test_two_sandboxes_run_side_by_side_and_end_one_by_one(home: Callable[[str], Layout], ready: Engine) -> None:
    other = home("other")
    second = start(other)
    assert second.gateway != ready.gateway
    assert BASE not in second.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    choice.stop(other, silent)
    assert left_behind(other) == []
    assert ready.docker("run", "--rm", BASE, "echo", "untouched").strip() == "untouched"


def test_an_engine_that_already_answers_is_used_and_left_alone(
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
def test_a_base_image_made_again_is_the_same_image(layout: Layout) -> None:
    first = images.make(layout, BASE)
    before = first.read_bytes()
    first.unlink()
    assert images.make(layout, BASE).read_bytes() == before


def test_an_image_neither_pulled_nor_made_is_named_with_its_dockerfile(layout: Layout, ready: Engine) -> None:
    place = layout.root / "src/lambdas/odd"
    place.mkdir(parents=True)
    (place / "Dockerfile").write_text("FROM registry.invalid/odd:1\n")
    with pytest.raises(SandboxError) as failure:
        images.ensure_all(layout, ready, silent)
    assert "src/lambdas/odd/Dockerfile: base image registry.invalid/odd:1 cannot be pulled" in str(failure.value)
    assert "not one the sandbox can make (python:3.13-slim)" in str(failure.value)


def test_a_daemon_that_cannot_start_is_reported_with_its_own_words(home: Callable[[str], Layout]) -> None:
    broken = home("broken")
    broken.engine.mkdir(parents=True)
    (broken.engine / "data").write_text("in the way")
    with pytest.raises(SandboxError, match=r"(?s)private Docker engine does not start:.*data.*try: look at"):
        start(broken)
    assert left_behind(broken) == []
