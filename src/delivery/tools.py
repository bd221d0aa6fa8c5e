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


def check_builder(name: str, shell: Shell) -> str:
    """The builder `name` and its driver, for people.

    A builder whose container or pod has not been started yet is started by its first build. A remote one runs already,
    so its status tells whether it can be reached (docs.docker.com, "docker buildx inspect"). Raises ConfigurationError
    for a builder that does not exist, MissingToolError for one that does not answer.
    """
    result = shell.run(Command(("docker", "buildx", "inspect", name)))
    driver = re.search(r"^Driver: +(\S+)", result.stdout, re.MULTILINE)
    if result.code or not driver:
        known = ", ".join(_builders(shell)) or "none"
        why = f"{result.stderr.strip()}\ndocker has: {known}".strip()
        hint = f"`docker buildx create --name {name} ...`, or correct build.builder in invoke.yaml"
        raise ConfigurationError(f"There is no builder {name}.", why, hint)
    errors = re.findall(r"^Error: +(.*)", result.stdout, re.MULTILINE)
    running = re.search(r"^Status: +running", result.stdout, re.MULTILINE)
    if not running and (errors or driver[1] == "remote"):
        endpoints = ", ".join(re.findall(r"^Endpoint: +(\S+)", result.stdout, re.MULTILINE))
        why = "\n".join(errors) or f"Nothing answers at {endpoints}, or it refuses these certificates."
        raise MissingToolError(f"The builder {name} does not answer.", why, f"docker buildx inspect --bootstrap {name}")
    return f"builder {name} ({driver[1]})"


def _builders(shell: Shell) -> list[str]:
    """The names of the builders: the lines of a list that are no head, no node of a builder and no error."""
    lines = shell.run(Command(("docker", "buildx", "ls"))).stdout.splitlines()
    return [line.split()[0].rstrip("*") for line in lines[1:] if re.match(r"[a-zA-Z][\w./-]*\*? {2,}", line)]


def _version_text(output: str) -> str:
    if output.lstrip().startswith("{"):
        return str(json.loads(output).get("terraform_version", ""))
    return output
