"""Reads the outputs in Terraform's state without running Terraform: milliseconds instead of the seconds of `init`.

The state is one JSON object in the environment's state bucket. Only its outputs are read, as format 4 has
them (Terraform 0.12 and since; internal/states/statefile/version4.go in hashicorp/terraform); any other is refused.
"""

import json
from typing import Any

from delivery.aws import function
from delivery.aws.function import Function
from delivery.aws.session import ClientError, error_code
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
    """The deployed functions; none before the first deploy. Raises TerraformError or CloudError."""
    values = outputs(run, STACK)
    return function.from_outputs(values) if "functions" in values else ()


def outputs(run: RunContext, stack: str) -> dict[str, Any]:
    """The outputs of a root module by name; none before its first apply. Raises TerraformError or CloudError."""
    document = _read(run, stack)
    if document.get("version", _FORMAT) != _FORMAT:
        why = f"Its format is {document['version']}; the supported format is {_FORMAT}."
        raise TerraformError(f"The state of {stack} cannot be read.", why, "a terraform that writes it, such as 1.11")
    return {name: output["value"] for name, output in document.get("outputs", {}).items()}


def _read(run: RunContext, stack: str) -> dict[str, Any]:
    name = run.settings.environment.state_bucket
    with run.aws.explained(f"read the state of {stack} in the bucket {name}"):
        try:
            body = run.aws.s3.get_object(Bucket=name, Key=state_key(stack))["Body"].read()
        except ClientError as error:
            if error_code(error) in ("NoSuchKey", "NoSuchBucket"):
                return {}
            raise
    state: dict[str, Any] = json.loads(body)
    return state
