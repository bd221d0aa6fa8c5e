"""How every tool finds the engine: the value `Engine`, and the client configuration behind its variables."""

import json
import os
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox import processes
from sandbox.layout import Layout

NEUTRAL = {"DOCKER_CONTEXT": "", "DOCKER_TLS_VERIFY": "", "BUILDX_BUILDER": ""}
"""What in a user's shell would lead a tool to another engine; empty is unset to docker and buildx."""


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answers.

    Attributes:
        variables: the environment that makes any tool talk to it.
        description: for people, one line.
        private: made by the sandbox, and ended by it.
        gateway: this machine's address on the containers' default network; "" when it cannot be listened on.
    """

    variables: Mapping[str, str]
    description: str
    private: bool
    gateway: str

    @property
    def environment(self) -> dict[str, str]:
        """Our environment with the variables on top, for a process of our own."""
        return {**os.environ, **self.variables}

    def docker(self, *arguments: str, timeout: float = 60) -> str:
        """The output of a docker command on this engine.

        Raises:
            SandboxError: it failed or took longer than `timeout` seconds.
        """
        return processes.run(["docker", *arguments], self.environment, timeout)


def variables(layout: Layout, host: str, plugin_folders: Iterable[Path]) -> dict[str, str]:
    """The environment of a client of the engine at `host`; writes the client's configuration.

    The configuration is our own: the user's would bring its credential helpers, builders and contexts.
    """
    folder = layout.engine / "client"
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"cliPluginsExtraDirs": [str(plugins) for plugins in plugin_folders if plugins.is_dir()]}
    (folder / "config.json").write_text(json.dumps(settings))
    return {
        **NEUTRAL,
        "DOCKER_HOST": host,
        "DOCKER_CONFIG": str(folder),
        "BUILDX_CONFIG": str(layout.engine / "buildx"),
        "CA_BUNDLE": certificates(os.environ),
    }


def certificates(environment: Mapping[str, str]) -> str:
    """The file of certificate authorities this machine trusts; "" when there is none."""
    default = ssl.get_default_verify_paths()
    debian = "/etc/ssl/certs/ca-certificates.crt"
    places = (environment.get("SSL_CERT_FILE"), default.cafile, debian)
    return next((place for place in places if place and Path(place).is_file()), "")
