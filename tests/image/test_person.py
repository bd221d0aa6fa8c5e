"""A person's own docker, with real docker and buildx: the context, builder and store that they chose are used."""

import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.world import ENVIRONMENT

from delivery.image import login
from delivery.process.shell import Command

STORE = """\
#!/bin/sh
read -r input
echo "$1 $input" >> "$STORE_LOG"
echo 'credentials not found in native keychain'
exit 1
"""


class Registry(BaseHTTPRequestHandler):
    """Accepts every login."""

    default_request_version = "HTTP/1.1"  # of the answer to a TLS handshake, after which docker uses HTTP

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Not on the test's output."""


@pytest.fixture
def registry():
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def person(tmp_path, shell):
    """A shell of a person who chose a context, a builder and a credential store in ~/.docker."""
    home, programs = tmp_path / ".docker", tmp_path / "bin"
    home.mkdir()
    programs.mkdir()
    (programs / "docker-credential-mystore").write_text(STORE)
    (programs / "docker-credential-mystore").chmod(0o755)
    with_plugins = json.loads((Path(shell.variables["DOCKER_CONFIG"]) / "config.json").read_text())
    (home / "config.json").write_text(json.dumps({**with_plugins, "credsStore": "mystore"}))
    own = {
        "DOCKER_CONFIG": str(home),
        "BUILDX_CONFIG": "",
        "DOCKER_HOST": "",
        "PATH": f"{programs}:{shell.variables['PATH']}",
        "STORE_LOG": str(tmp_path / "store.log"),
    }
    made = shell.with_variables(own)
    docker(made, "context", "create", "vm", "--docker", f"host={shell.variables['DOCKER_HOST']}")
    docker(made, "context", "use", "vm")
    docker(made, "buildx", "create", "--name", "mine", "--driver", "remote", "unix:///nowhere.sock", "--use")
    return made


def docker(shell, *words):
    """The output of a docker command."""
    result = shell.run(Command(("docker", *words)))
    assert result.code == 0, result.stderr
    return result.stdout


def builder(shell):
    """The builder that buildx uses when none is named."""
    return docker(shell, "buildx", "ls").partition("*")[0].split()[-1]


def test_a_login_uses_the_chosen_context_and_builder_and_leaves_them_chosen(tmp_path, person, registry):
    environment = replace(ENVIRONMENT, registry=registry)
    before = (tmp_path / ".docker" / "config.json").read_text()
    with login.logged_in(tmp_path / "run", environment, "hush", person) as inside:
        assert docker(inside, "context", "show").strip() == "vm"
        assert builder(inside) == "mine"
        private = json.loads((tmp_path / "run" / "docker" / "config.json").read_text())
        assert registry in private["auths"], "the password is in the private file"
    assert builder(person) == "mine"
    assert (tmp_path / ".docker" / "config.json").read_text() == before
    log = tmp_path / "store.log"
    assert not log.exists() or "store" not in log.read_text(), "the store gets no password"
