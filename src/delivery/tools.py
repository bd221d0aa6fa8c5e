"""The tools a deploy needs, and the versions that are known to work."""

import json
import re
from dataclasses import dataclass

from delivery.errors import MissingToolError
from delivery.process.shell import Command, Shell


@dataclass(frozen=True)
class Tool:
    """A tool, how to ask its version, the oldest that works, and how to get it."""

    name: str
    version: tuple[str, ...]
    oldest: tuple[int, int]
    get: str


GIT = Tool("git", ("git", "--version"), (2, 30), "apt-get install git")
# 1.11 is the first with S3 native locking: https://developer.hashicorp.com/terraform/language/backend/s3
TERRAFORM = Tool(
    "terraform",
    ("terraform", "version", "-json"),
    (1, 11),
    "https://developer.hashicorp.com/terraform/install",
)
DOCKER = Tool(
    "docker",
    ("docker", "version", "--format", "{{.Server.Version}}"),
    (24, 0),
    "start Docker, or install it: https://docs.docker.com/engine/install/",
)
BUILDX = Tool("docker buildx", ("docker", "buildx", "version"), (0, 13), "https://github.com/docker/buildx#installing")
ALL = (GIT, TERRAFORM, DOCKER, BUILDX)


def check(tool: Tool, shell: Shell) -> str:
    """The tool's version. Raises MissingToolError when it is absent, too old or does not answer."""
    try:
        result = shell.run(Command(tool.version))
    except MissingToolError as error:
        raise MissingToolError(error.what, error.why, tool.get) from error
    found = re.search(r"\d+\.\d+(\.\d+)?", _text(result.stdout)) if result.code == 0 else None
    if not found:
        why = (result.stderr or result.stdout).strip().splitlines()
        raise MissingToolError(f"{tool.name} does not answer.", "\n".join(why[:2]), tool.get)
    major, minor = (int(part) for part in found[0].split(".")[:2])
    if (major, minor) < tool.oldest:
        oldest = ".".join(map(str, tool.oldest))
        raise MissingToolError(f"{tool.name} {found[0]} is too old; {oldest} or newer is needed.", "", tool.get)
    return found[0]


def _text(output: str) -> str:
    if output.lstrip().startswith("{"):
        return str(json.loads(output).get("terraform_version", ""))
    return output
