"""Terraform's view of the deployed function, asked around the tasks: its state, and a plan of its own."""

import json
from typing import Any

from support.deploys.checkout import BUCKET, Checkout, Outcome


def function(checkout: Checkout) -> dict[str, Any]:
    """The attributes of the function in the state."""
    body = checkout.client("s3").get_object(Bucket=BUCKET, Key="service.tfstate")["Body"].read()
    (found,) = (each for each in json.loads(body)["resources"] if each["type"] == "aws_lambda_function")
    attributes: dict[str, Any] = found["instances"][0]["attributes"]
    return attributes


def plan(checkout: Checkout, uri: str) -> Outcome:
    """Plan with one image; exit code 0: nothing would change, 2: something would."""
    return checkout.terraform("plan", "-detailed-exitcode", *_values(checkout, uri))


def refresh(checkout: Checkout, uri: str) -> Outcome:
    """Let Terraform write into the state what its provider reads."""
    return checkout.terraform("refresh", *_values(checkout, uri))


def _values(checkout: Checkout, uri: str) -> tuple[str, ...]:
    named = {"environment": "sandbox", "account": "000000000000", "region": "us-east-1"}
    values = {"images": {"sse-streaming": uri}, "live_versions": {"sse-streaming": checkout.live()}}
    given = named | {name: json.dumps(value) for name, value in values.items()}
    return ("-input=false", "-var-file=sandbox.tfvars", *(f"-var={name}={value}" for name, value in given.items()))
