"""What is deployed, as Terraform recorded it, read without running it: milliseconds, where `init` takes seconds.

The state is one JSON object in the environment's state bucket. Only its outputs are read, as format 4 has
them (Terraform 0.12 and since; internal/states/statefile/version4.go in hashicorp/terraform); any other is refused.
"""

import json
from typing import Any

from delivery import function
from delivery.aws import ClientError, code, explained
from delivery.errors import TerraformError, UnhealthyError
from delivery.function import Function
from delivery.plan import state_key
from delivery.workbench import Workbench

STACK = "service"
_FORMAT = 4


def current(bench: Workbench) -> tuple[Function, ...]:
    """The functions as they are deployed. Raises UnhealthyError when there are none."""
    if not (found := functions(bench)):
        raise UnhealthyError("Nothing is deployed yet.", "", "invoke deploy --env ...")
    return found


def functions(bench: Workbench) -> tuple[Function, ...]:
    """The functions as they are deployed, none before the first deploy. Raises TerraformError or CloudError."""
    found = outputs(bench, STACK)
    return function.deployed(found) if "functions" in found else ()


def outputs(bench: Workbench, stack: str) -> dict[str, Any]:
    """A root module's outputs by name, none before its first apply. Raises TerraformError or CloudError."""
    document = _read(bench, stack)
    if document.get("version", _FORMAT) != _FORMAT:
        why = f"Its format is {document['version']}; known here is {_FORMAT}."
        raise TerraformError(f"The state of {stack} cannot be read.", why, "a terraform that writes it, such as 1.11")
    return {name: output["value"] for name, output in document.get("outputs", {}).items()}


def _read(bench: Workbench, stack: str) -> dict[str, Any]:
    name = bench.settings.environment.state_bucket
    with explained(f"read what is deployed from the state bucket {name}"):
        try:
            body = bench.aws.s3.get_object(Bucket=name, Key=state_key(stack))["Body"].read()
        except ClientError as error:
            if code(error) in ("NoSuchKey", "NoSuchBucket"):
                return {}
            raise
    found: dict[str, Any] = json.loads(body)
    return found
