"""Logs docker in for one task; the login is gone afterwards."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from delivery.errors import CloudError, ConfigurationError
from delivery.process.shell import Command, Shell
from delivery.settings import Environment


@contextlib.contextmanager
def logged_in(folder: Path, environment: Environment, password: str, shell: Shell) -> Iterator[Shell]:
    """A shell whose docker is logged in through a private DOCKER_CONFIG in `folder`, which is removed afterwards.

    Otherwise `docker login` would write the password to ~/.docker/config.json. docker reads the password from stdin.
    Raises CloudError when the registry refuses the login.
    """
    config = folder / "docker"
    config.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = {**client_variables(config, environment.registry, shell), "DOCKER_CONFIG": str(config)}
    argv = ("docker", "login", "--username", "AWS", "--password-stdin", environment.registry)
    try:
        result = shell.run(Command(argv, stdin=password, variables=private))
        if result.code:
            raise CloudError(
                f"The registry {environment.registry} refused the login.",
                result.stderr.strip(),
                environment.command("doctor"),
            )
        yield shell.with_variables(private)
    finally:
        (config / "config.json").unlink(missing_ok=True)


def client_variables(config: Path, registry: str, shell: Shell) -> dict[str, str]:
    """The variables that give a private DOCKER_CONFIG the engine, plugins and builders of the user's own docker.

    A private DOCKER_CONFIG hides the current context, the cli-plugins and the builders of buildx. The logins for
    `registry` are left out: a credential helper such as ecr-login refuses to store the password of `docker login`.
    """
    home = Path(shell.variables.get("DOCKER_CONFIG") or Path(shell.variables.get("HOME", os.devnull)) / ".docker")
    user = _user_config(home / "config.json")
    # The logins of the user are for the registry of the base image. The credential store would get our password.
    copied = {key: user[key] for key in ("auths", "credHelpers", "proxies") if key in user}
    for logins in ("auths", "credHelpers"):
        if logins in copied:
            copied[logins] = {name: login for name, login in copied[logins].items() if _host(name) != registry}
    plugins = [*user.get("cliPluginsExtraDirs", []), str(home / "cli-plugins")]
    (config / "config.json").write_text(json.dumps({**copied, "cliPluginsExtraDirs": plugins}))
    variables = {"BUILDX_CONFIG": shell.variables.get("BUILDX_CONFIG") or str(home / "buildx")}
    if not shell.variables.get("DOCKER_HOST"):
        argv = ("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
        variables["DOCKER_HOST"] = shell.run(Command(argv)).stdout.strip()
    return {key: value for key, value in variables.items() if value}


def _host(name: str) -> str:
    """The host of a login; docker also writes a login as a URL, such as https://index.docker.io/v1/."""
    return name.partition("://")[2].partition("/")[0] if "://" in name else name.partition("/")[0]


def _user_config(file: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads(file.read_text())
    except OSError:  # no file, or a folder that this user may not read: docker uses its defaults then, too
        return {}
    except ValueError as error:
        raise ConfigurationError(f"{file} is not JSON.", str(error), f"correct {file}") from error
    return config
