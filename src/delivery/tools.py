"""The tools that a deploy needs, and their oldest supported versions."""

import json
import re
from dataclasses import dataclass

from packaging.version import Version

from delivery.errors import ConfigurationError, MissingToolError
from delivery.process.shell import Command, Shell


@dataclass(frozen=True)
class Tool:
    """A tool. `version`: the command that prints its version; `oldest`: supported; `install`: for the `try:` line."""

    name: str
    version: tuple[str, ...]
    oldest: Version
    install: str


GIT = Tool("git", ("git", "--version"), Version("2.30"), "apt-get install git")
# 1.11 is the first version with S3 native locking: https://developer.hashicorp.com/terraform/language/backend/s3
TERRAFORM = Tool(
    "terraform",
    ("terraform", "version", "-json"),
    Version("1.11"),
    "https://developer.hashicorp.com/terraform/install",
)
DOCKER = Tool(
    "docker",
    ("docker", "version", "--format", "{{.Server.Version}}"),
    Version("24.0"),
    "start Docker, or install it: https://docs.docker.com/engine/install/",
)
BUILDX = Tool(
    "docker buildx", ("docker", "buildx", "version"), Version("0.13"), "https://github.com/docker/buildx#installing"
)
# docker/cli, of DOCKER_CONTEXT, `docker --context` and currentContext in config.json
_CONTEXT = re.compile(r'context "([^"]+)": context not found')
ALL = (GIT, TERRAFORM, DOCKER, BUILDX)


def check(tool: Tool, shell: Shell) -> str:
    """The version of a tool.

    Raises MissingToolError when the tool is absent, too old, or does not answer, ConfigurationError when docker has no
    context of the name that is set.
    """
    try:
        result = shell.run(Command(tool.version))
    except MissingToolError as error:
        raise MissingToolError(error.what, error.why, tool.install) from error
    match = re.search(r"\d+\.\d+(\.\d+)?", _version_text(result.stdout)) if result.code == 0 else None
    if context := _CONTEXT.search(result.stderr):
        hint = "`unset DOCKER_CONTEXT`, or `docker context use default`; `docker context ls` lists them"
        raise ConfigurationError(f"Docker has no context {context[1]}.", result.stderr.strip(), hint)
    if not match:
        why = (result.stderr or result.stdout).strip().splitlines()
        raise MissingToolError(f"{tool.name} does not answer.", "\n".join(why[:2]), tool.install)
    if Version(match[0]) < tool.oldest:
        what = f"{tool.name} {match[0]} is too old; {tool.oldest} or newer is needed."
        raise MissingToolError(what, "", tool.install)
    return match[0]


def _version_text(output: str) -> str:
    if output.lstrip().startswith("{"):
        return str(json.loads(output).get("terraform_version", ""))
    return output
