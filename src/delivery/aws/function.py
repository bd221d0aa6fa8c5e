"""Lambda: functions, versions, aliases, and the stream of one version."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from delivery.aws.session import Aws, ClientError, WaiterError, error_code
from delivery.errors import DeliveryError, RefusedError, UnhealthyError
from delivery.reference import PushedImage

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import (
        AliasConfigurationResponseTypeDef,
        InvokeWithResponseStreamCompleteEventTypeDef,
        WaiterConfigTypeDef,
    )

_STREAM = "/api/v2/stream"


@dataclass(frozen=True)
class Function:
    """A deployed function as Terraform's outputs describe it.

    `version`: the newest published version. `url`: empty as long as no version was verified.
    """

    image: str
    name: str
    version: str
    alias: str
    url: str
    image_uri: str

    @property
    def pushed_image(self) -> PushedImage:
        """The image that `version` runs."""
        return PushedImage.parse(self.image, self.image_uri)

    @property
    def digest(self) -> str:
        """The digest of that image."""
        return self.pushed_image.digest

    @property
    def stream_url(self) -> str:
        """The address of the live event stream."""
        return self.url.rstrip("/") + _STREAM


@dataclass(frozen=True)
class Alias:
    """An alias as it was read. `revision` guards a move against the move of somebody else.

    `weights`: a second version and its share of the requests, 0 to 1; empty unless a canary is running.
    https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
    """

    version: str
    revision: str
    weights: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, answer: "AliasConfigurationResponseTypeDef") -> "Alias":
        """The alias in an answer of Lambda."""
        weights = answer.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        return cls(answer["FunctionVersion"], answer["RevisionId"], weights)


def from_outputs(outputs: dict[str, Any]) -> tuple[Function, ...]:
    """The functions in Terraform's outputs."""
    return tuple(
        Function(
            image=image,
            name=output["function_name"],
            version=output["version"],
            alias=output["alias"],
            url=output["url"],
            image_uri=output["image_uri"],
        )
        for image, output in sorted(outputs["functions"].items())
    )


def find_alias(aws: Aws, function: Function) -> Alias | None:
    """The alias of a function; None as long as no version of it was verified. Raises CloudError."""
    with aws.explained(f"read the alias {function.alias} of {function.name}"):
        try:
            return Alias.of(aws.functions.get_alias(FunctionName=function.name, Name=function.alias))
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                return None
            raise


def read_alias(aws: Aws, function: Function) -> Alias:
    """The alias of a function. Raises UnhealthyError when nothing is live yet, or CloudError."""
    if alias := find_alias(aws, function):
        return alias
    raise UnhealthyError(
        f"No version of {function.name} is live.",
        f"The alias {function.alias} is made once a version was verified.",
        aws.environment.command("deploy"),
    )


def read_commit(aws: Aws, function: Function) -> str:
    """The commit of a version; Terraform writes it into the description. Raises CloudError."""
    with aws.explained(f"read version {function.version} of {function.name}"):
        answer = aws.functions.get_function_configuration(FunctionName=function.name, Qualifier=function.version)
    return answer.get("Description", "").removeprefix("commit ")


def read_image(aws: Aws, function: Function, version: str) -> PushedImage:
    """The image that a version runs; `$LATEST` is the unpublished one.

    Raises RefusedError when Lambda names no digest, or CloudError. `ResolvedImageUri` has the digest of a function that
    was deployed by tag: https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCodeLocation.html.
    """
    with aws.explained(f"read the image of version {version} of {function.name}"):
        code = aws.functions.get_function(FunctionName=function.name, Qualifier=version)["Code"]
    try:
        return PushedImage.parse(function.image, code.get("ResolvedImageUri") or code.get("ImageUri", ""))
    except ValueError as error:
        what = f"Version {version} of {function.name} names no digest."
        why = "Without the digest, its image is unknown."
        raise RefusedError(what, why, aws.environment.command("deploy")) from error


def publish_version(aws: Aws, function: Function) -> str:
    """Publish the function and return its version; an unchanged function gets no new version. Raises CloudError.

    https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html: "Lambda doesn't publish a version if the
    function's configuration and code haven't changed since the last version."
    """
    with aws.explained(f"publish {function.name}"):
        return aws.functions.publish_version(FunctionName=function.name)["Version"]


def wait_active(aws: Aws, function: Function) -> None:
    """Wait until a version is active, at most two minutes. Raises UnhealthyError when Lambda fails, or CloudError."""
    with aws.explained(f"wait for version {function.version} of {function.name} to become active"):
        _wake(aws, function)
        waiter = aws.functions.get_waiter("published_version_active")
        config: WaiterConfigTypeDef = {"Delay": 1, "MaxAttempts": 120}  # seconds, attempts
        try:
            waiter.wait(FunctionName=function.name, Qualifier=function.version, WaiterConfig=config)
        except WaiterError as error:
            if "terminal failure state" not in str(error):
                raise
            raise UnhealthyError(f"Lambda cannot make version {function.version} ready.", str(error)) from error


def _wake(aws: Aws, function: Function) -> None:
    """Invoke an inactive version: Lambda deactivates a version after weeks without a call, and activates it by a call.

    https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html, "Inactive"
    """
    answer = aws.functions.get_function_configuration(FunctionName=function.name, Qualifier=function.version)
    if answer.get("State") == "Inactive":
        with contextlib.suppress(DeliveryError):
            list(stream(aws, function, function.version, {"events": "1"}, silence=30))


def stream(aws: Aws, function: Function, qualifier: str, query: dict[str, str], silence: float) -> Iterator[bytes]:
    """The bytes of one response as they arrive. `qualifier`: a version or an alias.

    `silence`: seconds without a byte until the stream counts as dead. Raises UnhealthyError when the function fails,
    CloudError when Lambda does not answer.
    """
    event = stream_event(query)
    complete = False
    with aws.explained(f"open the stream of {function.name}:{qualifier}"):
        answer = aws.streaming(silence).invoke_with_response_stream(
            FunctionName=function.name, Qualifier=qualifier, Payload=json.dumps(event)
        )
        for item in answer["EventStream"]:
            if "PayloadChunk" in item:
                yield item["PayloadChunk"]["Payload"]
            elif "InvokeComplete" in item:
                complete = True
                _require_success(item["InvokeComplete"], f"{qualifier} of {function.name}")
    if not complete:
        raise UnhealthyError(f"The invocation of {qualifier} of {function.name} was cut off.")


def _require_success(end: "InvokeWithResponseStreamCompleteEventTypeDef", version: str) -> None:
    if end.get("ErrorCode"):
        details = end.get("ErrorDetails", "")
        raise UnhealthyError(f"Version {version} failed: {end['ErrorCode']}", details, "correct it, then deploy again")


def stream_event(query: dict[str, str]) -> dict[str, Any]:
    """The request for the stream as Lambda passes it on: a Function URL event, payload format 2.0.

    https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
    """
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": _STREAM,
        "rawQueryString": text,
        "headers": {"accept": "text/event-stream", "host": "verify"},
        "queryStringParameters": query,
        "requestContext": {
            "http": {"method": "GET", "path": _STREAM, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "domainName": "verify",
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }
