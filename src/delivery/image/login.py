"""A docker that is logged in for one task, and leaves nothing of it behind."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from delivery.errors import CloudError, ConfigurationError
from delivery.process.shell import Command, Shell
from delivery.settings import Environment


@contextlib.contextmanager
def logged_in(folder: Path, environment: Environment, password: str, shell: Shell) -> Iterator[Shell]:
    """A shell whose docker is logged in, through a private DOCKER_CONFIG that is gone afterwards.

    `docker login` would leave the password in ~/.docker/config.json. The password goes in over stdin only.
    Raises CloudError when the registry refuses it.
    """
    config = folder / "docker"
    config.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = {**client_variables(config, shell), "DOCKER_CONFIG": str(config)}
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


def client_variables(config: Path, shell: Shell) -> dict[str, str]:
    """Where the user's docker finds its engine, plugins and builders, once DOCKER_CONFIG points elsewhere.

    A private DOCKER_CONFIG hides the current context, cli-plugins and buildx's builders.
    """
    home = Path(shell.variables.get("DOCKER_CONFIG") or Path(shell.variables.get("HOME", "/root")) / ".docker")
    user = _user_config(home / "config.json")
    # The user's logins are for the base image's registry. Not the credential store: ours would end up in it.
    kept = {key: user[key] for key in ("auths", "credHelpers", "proxies") if key in user}
    plugins = [*user.get("cliPluginsExtraDirs", []), str(home / "cli-plugins")]
    (config / "config.json").write_text(json.dumps({**kept, "cliPluginsExtraDirs": plugins}))
    found = {"BUILDX_CONFIG": shell.variables.get("BUILDX_CONFIG") or str(home / "buildx")}
    if not shell.variables.get("DOCKER_HOST"):
        argv = ("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
        found["DOCKER_HOST"] = shell.run(Command(argv)).stdout.strip()
    return {key: value for key, value in found.items() if value}


def _user_config(file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    except ValueError as error:
        raise ConfigurationError(f"{file} is not JSON.", str(error), f"correct {file}") from error
    return found
