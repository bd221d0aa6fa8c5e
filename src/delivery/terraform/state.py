"""Reads the outputs in Terraform's state without running Terraform: milliseconds instead of the seconds of `init`.

The state is one JSON object in the environment's state bucket. Only its outputs are read, as format 4 has
them (Terraform 0.12 and since; internal/states/statefile/version4.go in hashicorp/terraform); any other is refused.
"""

import json
from typing import Any

from delivery.aws import bucket, function
from delivery.aws.function import Function
from delivery.context import RunContext
from delivery.errors import TerraformError, UnhealthyError
from delivery.terraform.plan import state_key

STACK = "service"
_FORMAT = 4


def require_functions(run: RunContext) -> tuple[Function, ...]:
    """The deployed functions. Raises UnhealthyError before the first deploy."""
    if not (deployed := functions(run)):
        raise UnhealthyError("Nothing is deployed yet.", "", run.settings.environment.command("deploy"))
    return deployed


def functions(run: RunContext) -> tuple[Function, ...]:
    """The deployed functions; none before the first deploy. Raises RefusedError, TerraformError or CloudError."""
    values = outputs(run, STACK)
    return function.from_outputs(values) if "functions" in values else ()


def live_versions(run: RunContext) -> dict[str, str]:
    """Image name to the version that the alias names; functions that nobody can call yet are left out.

    Raises RefusedError, TerraformError or CloudError.
    """
    aliases = {deployed.image: function.find_alias(run.aws, deployed) for deployed in functions(run)}
    return {image: alias.version for image, alias in aliases.items() if alias}


def outputs(run: RunContext, stack: str) -> dict[str, Any]:
    """The outputs of a root module by name; none before its first apply.

    Raises RefusedError when another account owns the state bucket, TerraformError or CloudError.
    """
    document = _read(run, stack)
    if document.get("version", _FORMAT) != _FORMAT:
        why = f"Its format is {document['version']}; the supported format is {_FORMAT}."
        raise TerraformError(f"The state of {stack} cannot be read.", why, "a terraform that writes it, such as 1.11")
    return {name: output["value"] for name, output in document.get("outputs", {}).items()}


def _read(run: RunContext, stack: str) -> dict[str, Any]:
    body = bucket.read(run.aws, state_key(stack))
    state: dict[str, Any] = json.loads(body) if body is not None else {}
    return state
