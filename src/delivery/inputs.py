"""The paths of the project that become images and infrastructure."""

import json
from pathlib import Path

from delivery.errors import MissingToolError
from delivery.process.shell import Command, Shell

BAKE_FILE = "docker-bake.hcl"
# The variables of that file. A variable of the same name in a person's shell, such as PLATFORM, must not reach it.
BAKE_VARIABLES = (
    *("REGISTRY", "ENVIRONMENT", "COMMIT", "PLATFORM", "OUTPUT", "OUTPUTS", "CACHE", "CACHE_DIR"),
    *("CA_BUNDLE", "PIP_CONFIG", "SOURCE_DATE_EPOCH"),
)
_FIXED = (BAKE_FILE, "infrastructure", "invoke.yaml")


def find(root: Path, shell: Shell) -> tuple[str, ...]:
    """The paths that are built or planned, relative to `root`; all of `root` if docker cannot tell the contexts."""
    argv = ("docker", "buildx", "bake", "--file", BAKE_FILE, "--print")
    try:
        result = shell.run(Command(argv, cwd=root, without=BAKE_VARIABLES))
    except MissingToolError:
        return (".",)
    if result.code:
        return (".",)
    paths = set(_FIXED)
    for target in json.loads(result.stdout)["target"].values():
        context = target.get("context", ".")
        paths |= {context, str(Path(context, target.get("dockerfile", "Dockerfile")))}
        paths |= set(target.get("contexts", {}).values())
    return tuple(sorted(path for path in paths if ":" not in path))  # not a URL, nor target:NAME
