"""Terraform's view of the deployed function, asked around the tasks: its state, and a plan of its own."""

import json

from support.deploys.checkout import BUCKET, Checkout, Outcome


def image(checkout: Checkout) -> str:
    """The image of the function in the state."""
    body = checkout.client("s3").get_object(Bucket=BUCKET, Key="service.tfstate")["Body"].read()
    (found,) = (each for each in json.loads(body)["resources"] if each["type"] == "aws_lambda_function")
    uri: str = found["instances"][0]["attributes"]["image_uri"]
    return uri


def plan(checkout: Checkout, uri: str) -> Outcome:
    """Plan with one image; exit code 0: nothing would change, 2: something would."""
    named = {"environment": "sandbox", "account": "000000000000", "region": "us-east-1"}
    values = {"images": {"sse-streaming": uri}, "live_versions": {"sse-streaming": checkout.live()}}
    given = named | {name: json.dumps(value) for name, value in values.items()}
    words = [f"-var={name}={value}" for name, value in given.items()]
    return checkout.terraform("plan", "-input=false", "-detailed-exitcode", "-var-file=sandbox.tfvars", *words)
