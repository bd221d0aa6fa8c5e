"""The value `Engine`, and the client configuration that its variables point to."""

import json
import os
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox import processes
from sandbox.layout import Layout

NEUTRAL = {"DOCKER_CONTEXT": "", "DOCKER_TLS_VERIFY": "", "BUILDX_BUILDER": ""}
"""Variables of a user's shell that would lead a tool to another engine; docker and buildx take empty for unset."""


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answers.

    Attributes:
        variables: the environment variables that lead any tool to it.
        description: for people, one line.
        private: made by the sandbox, and ended by it.
        gateway: this machine's address on the containers' default network; "" when nothing can listen on it.
    """

    variables: Mapping[str, str]
    description: str
    private: bool
    gateway: str

    def docker(self, *arguments: str, timeout: float = 60) -> str:
        """The output of a docker command on this engine.

        The docker program and not python-on-whales, whose commands have no timeout: with an engine that hangs, even
        `sandbox-down` would never return.

        Raises:
            SandboxError: it failed or took longer than `timeout` seconds.
        """
        return processes.run(["docker", *arguments], {**os.environ, **self.variables}, timeout)


def variables(layout: Layout, host: str, plugin_folders: Iterable[Path]) -> dict[str, str]:
    """The environment variables of a client of the engine at `host`; writes the client's configuration.

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
    """The file with the certificate authorities that this machine trusts; "" when there is none."""
    default = ssl.get_default_verify_paths()
    debian = "/etc/ssl/certs/ca-certificates.crt"
    places = (environment.get("SSL_CERT_FILE"), default.cafile, debian)
    return next((place for place in places if place and Path(place).is_file()), "")
