"""Reads Terraform's state without running Terraform: milliseconds instead of the seconds of `init`.

The state is one JSON object in the environment's state bucket. Its outputs and its functions are read, as format 4 has
them (Terraform 0.12 and since; internal/states/statefile/version4.go in hashicorp/terraform); any other is refused.

Once Lambda was given images without Terraform, `with_images` is the state that `terraform refresh` would then write.
"""

import contextlib
import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.aws import bucket, function
from delivery.aws.function import Function
from delivery.aws.function_code import Unpublished
from delivery.context import RunContext
from delivery.errors import TerraformError, UnhealthyError
from delivery.terraform.plan import state_key

STACK = "service"
_FORMAT = 4
_FUNCTION = "aws_lambda_function"


@dataclass(frozen=True)
class FunctionResource:
    """A function in the state: the address of its resource, and the image that Terraform recorded last."""

    address: str
    image_uri: str


@dataclass(frozen=True)
class Service:
    """The deployed functions as the outputs name them, and their resources by the name of the function."""

    functions: tuple[Function, ...]
    resources: Mapping[str, FunctionResource]


def require_functions(run: RunContext) -> tuple[Function, ...]:
    """The deployed functions. Raises UnhealthyError before the first deploy."""
    if not (deployed := functions(run)):
        raise UnhealthyError("Nothing is deployed yet.", "", run.settings.environment.command("deploy"))
    return deployed


def functions(run: RunContext) -> tuple[Function, ...]:
    """The deployed functions; none before the first deploy. Raises RefusedError, TerraformError or CloudError."""
    return service(run).functions


def service(run: RunContext) -> Service:
    """The deployed functions and their resources; none before the first deploy.

    Raises RefusedError, TerraformError or CloudError.
    """
    document = read(run, STACK)
    with _explained(STACK):
        return Service(function.from_outputs(_outputs(document)), dict(_resources(document)))


def outputs(run: RunContext, stack: str) -> dict[str, Any]:
    """The outputs of a root module by name; none before its first apply.

    Raises RefusedError when another account owns the state bucket, TerraformError or CloudError.
    """
    document = read(run, stack)
    with _explained(stack):
        return _outputs(document)


@contextlib.contextmanager
def _explained(stack: str) -> Iterator[None]:
    """While open, a state whose parts are not those of format 4 is a TerraformError."""
    try:
        yield
    except (AttributeError, KeyError, TypeError) as error:
        why = f"It is not as Terraform writes it: {type(error).__name__}: {error}."
        hint = f"an earlier version of {state_key(stack)} in the state bucket, which keeps the newest 20"
        raise TerraformError(f"The state of {stack} cannot be read.", why, hint) from error


def addresses(run: RunContext, stack: str) -> frozenset[str]:
    """The addresses of all managed resources of a root module; none before its first apply.

    Raises RefusedError when another account owns the state bucket, TerraformError or CloudError.
    """
    document = read(run, stack)
    with _explained(stack):
        managed = (each for each in document.get("resources") or () if each["mode"] == "managed")
        return frozenset(address for resource in managed for address, _ in _instances(resource))


def read(run: RunContext, stack: str) -> dict[str, Any]:
    """The whole state of a root module, which may hold secrets; empty before its first apply.

    Raises RefusedError when another account owns the state bucket, TerraformError or CloudError.
    """
    body = bucket.read(run.aws, state_key(stack))
    what = f"The state of {stack} cannot be read."
    try:
        document = json.loads(body) if body is not None else {}
    except (ValueError, RecursionError) as error:
        text = "nested too deeply" if isinstance(error, RecursionError) else error
        bucket_name = run.settings.environment.state_bucket
        hint = f"an earlier version of {state_key(stack)} in the bucket {bucket_name}, which keeps the newest 20"
        raise TerraformError(what, f"It is not JSON: {text}", hint) from error
    form = document.get("version", _FORMAT) if isinstance(document, dict) else None
    if form != _FORMAT:
        why = f"Its format is {form}; the supported format is {_FORMAT}."
        raise TerraformError(what, why, "a terraform that writes it, such as 1.11")
    return dict(document)


def with_images(before: Mapping[str, Any], functions: Sequence[tuple[Unpublished, str]]) -> dict[str, Any]:
    """The next state, in which these functions have the images that Lambda says; the same one if they have them.

    `functions`: each with the number of its last version, or "" if that did not change. What the provider reads of an
    image is in resourceFunctionRead, internal/service/lambda/function.go in hashicorp/terraform-provider-aws; an
    attribute that the state does not have is not added. Raises TerraformError.
    """
    after = copy.deepcopy(dict(before))
    has = {now.function.name: (now, version) for now, version in functions if now.image}
    with _explained(STACK):
        for resource in after.get("resources") or ():
            if (resource["mode"], resource["type"]) != ("managed", _FUNCTION):
                continue
            for _, attributes in _instances(resource):
                if attributes["function_name"] in has:
                    read_now = _attributes(*has[attributes["function_name"]], attributes)
                    attributes.update({name: value for name, value in read_now.items() if name in attributes})
        if after != before:
            after["serial"] += 1
    return after


def _attributes(now: Unpublished, version: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that differ from image to image, and from version to version."""
    image = {
        "code_sha256": now.code.sha256,
        "image_uri": now.image.uri if now.image else "",
        "last_modified": now.code.modified,
        "source_code_size": now.code.size,
    }
    if not version:
        return image
    arn = before.get("arn", "")
    qualified = f"{arn}:{version}"
    invoke_arn = before.get("invoke_arn", "").replace(arn, qualified)
    return {**image, "version": version, "qualified_arn": qualified, "qualified_invoke_arn": invoke_arn}


def _outputs(document: dict[str, Any]) -> dict[str, Any]:
    return {name: output.get("value") for name, output in (document.get("outputs") or {}).items()}


def _resources(document: dict[str, Any]) -> Iterator[tuple[str, FunctionResource]]:
    for resource in document.get("resources") or ():
        if (resource["mode"], resource["type"]) != ("managed", _FUNCTION):
            continue
        for address, attributes in _instances(resource):
            yield attributes["function_name"], FunctionResource(address, attributes.get("image_uri") or "")


def _instances(resource: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The address and the attributes of each instance of a resource."""
    address = ".".join(filter(None, (resource.get("module"), resource["type"], resource["name"])))
    for instance in resource["instances"]:
        index = f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""
        yield f"{address}{index}", instance["attributes"]
