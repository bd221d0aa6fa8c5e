"""The environment variables that the functions are given, so that a new image is started with them before its push.

no plan changes more than images --> those that the functions have now
the infrastructure changes       --> those in the plan
an image has no function yet     --> those in a plan with an image that does not exist, which is never applied
"""

from collections.abc import Mapping
from dataclasses import replace

from delivery.commands.deployed import Deployed
from delivery.context import RunContext
from delivery.reference import Image
from delivery.terraform import execute, variables
from delivery.terraform.plan import Plan, Stack

_NO_DIGEST = f"sha256:{'0' * 64}"

Variables = Mapping[str, Mapping[str, str]]
"""Image name to the environment variables of its function."""


def of_functions(now: Mapping[str, Deployed]) -> Variables:
    """Those that the functions have."""
    return {name: each.unpublished.variables for name, each in now.items() if each.unpublished}


def of_plan(run: RunContext, saved: Plan, images: tuple[Image, ...]) -> Variables:
    """Those in a plan. Raises TerraformError."""
    found = execute.read_variables(saved, run.shell)
    return {image.name: found.get(image.repository, {}) for image in images}


def plan(run: RunContext, stack: Stack, images: tuple[Image, ...], now: Mapping[str, Deployed]) -> Plan:
    """A plan for `of_plan` alone, as long as an image has no function. Raises TerraformError."""
    folder = run.scratch / "declared"
    folder.mkdir(exist_ok=True)
    others = {name: each.uri for name, each in now.items()}
    uris = others | {image.name: f"{image.repository}@{_NO_DIGEST}" for image in images}
    live_versions = {name: each.alias.version for name, each in now.items() if each.alias}
    values = variables.service(run.settings, uris, live_versions)
    return execute.plan(replace(stack, locks=False), values, folder, run.shell, lambda _: None)
