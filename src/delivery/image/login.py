"""Logs docker in for one task; the login is gone afterwards."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from delivery.errors import CloudError, ConfigurationError
from delivery.process.shell import Command, Shell
from delivery.settings import Environment

_FILE = "config.json"
_LOGINS = ("auths", "credHelpers")


@contextlib.contextmanager
def logged_in(folder: Path, environment: Environment, password: str, shell: Shell) -> Iterator[Shell]:
    """A shell whose docker is logged in through a private DOCKER_CONFIG in `folder`, which is removed afterwards.

    Otherwise `docker login` would write the password to ~/.docker/config.json, or to the credential store that this
    file names. docker reads the password from stdin. Raises CloudError when the registry refuses the login.
    """
    config = folder / "docker"
    config.mkdir(mode=0o700, parents=True)
    try:
        private = client_variables(config, environment.registry, shell)
        argv = ("docker", "login", "--username", "AWS", "--password-stdin", environment.registry)
        result = shell.run(Command(argv, stdin=password, variables=private))
        if result.code:
            raise CloudError(
                f"The registry {environment.registry} refused the login.",
                result.stderr.strip(),
                environment.command("doctor"),
            )
        yield shell.with_variables(private)
    finally:
        (config / _FILE).unlink(missing_ok=True)
        shutil.rmtree(config, ignore_errors=True)  # removes the links to the person's files, and not the files


def client_variables(config: Path, registry: str, shell: Shell) -> dict[str, str]:
    """Fill a private DOCKER_CONFIG for a login to `registry`; return the variables that select it.

    Everything else is the person's own: contexts, TLS files, plugins and builders are links to their files, and the
    settings are copied, except the logins for `registry`. DOCKER_HOST stays as it is: with a host instead of a context,
    buildx uses the default builder, and forgets which one was selected (https://github.com/docker/buildx/issues/1834).
    """
    home = _folder(shell)
    with contextlib.suppress(OSError):  # no folder, or one that this user may not read: docker uses its defaults, too
        for path in home.iterdir():
            if path.name != _FILE:
                (config / path.name).symlink_to(path.absolute())
    file = config / _FILE
    file.touch(mode=0o600)
    file.write_text(json.dumps(_private(_read(home / _FILE), registry)))
    # Set even when the folder does not exist yet: a builder's state must outlive the private folder.
    builders = shell.variables.get("BUILDX_CONFIG") or str((home / "buildx").absolute())
    variables = {"DOCKER_CONFIG": str(config), "BUILDX_CONFIG": builders}
    if exported := shell.variables.get("DOCKER_AUTH_CONFIG"):
        variables["DOCKER_AUTH_CONFIG"] = json.dumps(_without(_parsed(exported, "DOCKER_AUTH_CONFIG"), registry))
    return variables


def helper_used(shell: Shell) -> bool:
    """Whether docker runs a credential helper. The helper of a cloud needs the credentials of that cloud."""
    config = _read(_folder(shell) / _FILE)
    return bool(config.get("credsStore")) or any((config.get("credHelpers") or {}).values())


def proxied(shell: Shell) -> bool:
    """Whether docker itself gives proxies to the steps of a build: https://docs.docker.com/engine/cli/proxy/."""
    return bool(_read(_folder(shell) / _FILE).get("proxies"))


def _private(user: dict[str, Any], registry: str) -> dict[str, Any]:
    """The settings of the person, in which no store and no helper knows `registry`.

    docker asks `credHelpers` of a registry first; an empty name there means this file, also beside a `credsStore`
    (docker/cli, cli/config/configfile/file.go, getConfiguredCredentialStore).
    """
    kept = _without(user, registry)
    return {**kept, "credHelpers": {**(kept.get("credHelpers") or {}), registry: ""}}


def _without(config: dict[str, Any], registry: str) -> dict[str, Any]:
    """The settings without the logins for `registry`: a helper such as ecr-login refuses to store a password."""
    logins = {key: config[key] or {} for key in _LOGINS if key in config}
    kept = {
        key: {name: value for name, value in each.items() if _host(name) != registry} for key, each in logins.items()
    }
    return {**config, **kept}


def _host(name: str) -> str:
    """The host of a login; docker also writes a login as a URL, such as https://index.docker.io/v1/."""
    return name.partition("://")[2].partition("/")[0] if "://" in name else name.partition("/")[0]


def _folder(shell: Shell) -> Path:
    home = Path(shell.variables.get("HOME") or os.devnull)
    return Path(shell.variables.get("DOCKER_CONFIG") or home / ".docker")


def _read(file: Path) -> dict[str, Any]:
    try:
        return _parsed(file.read_text(), str(file))
    except OSError:  # no file, or a folder that this user may not read: docker uses its defaults then, too
        return {}


def _parsed(text: str, place: str) -> dict[str, Any]:
    try:
        config = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{place} is not JSON.", str(error), f"correct {place}") from error
    if not isinstance(config, dict):
        raise ConfigurationError(f"{place} is no JSON object.", "", f"correct {place}")
    return config
