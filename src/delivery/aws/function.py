"""Lambda: what is live, what a version runs, and one version's stream."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from delivery.aws.session import Aws, WaiterError
from delivery.errors import DeliveryError, UnhealthyError

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import (
        AliasConfigurationResponseTypeDef,
        InvokeWithResponseStreamCompleteEventTypeDef,
        WaiterConfigTypeDef,
    )

_STREAM = "/api/v2/stream"


@dataclass(frozen=True)
class Function:
    """A deployed function as Terraform's output describes it; `version` is the newest published one."""

    image: str
    name: str
    version: str
    alias: str
    url: str
    image_uri: str

    @property
    def digest(self) -> str:
        """The digest of the image that `version` runs."""
        return self.image_uri.partition("@")[2]

    @property
    def stream_url(self) -> str:
        """The address of the live event stream."""
        return self.url.rstrip("/") + _STREAM


@dataclass(frozen=True)
class Alias:
    """What an alias names now; `revision` guards a move against a second person's.

    `weights`: a second version and its share of the requests, 0 to 1; empty unless a canary is under way.
    https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
    """

    version: str
    revision: str
    weights: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, answer: "AliasConfigurationResponseTypeDef") -> "Alias":
        """The alias in Lambda's words."""
        weights = answer.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        return cls(answer["FunctionVersion"], answer["RevisionId"], weights)


def from_outputs(outputs: dict[str, Any]) -> tuple[Function, ...]:
    """The functions in Terraform's outputs."""
    return tuple(
        Function(
            image=image,
            name=found["function_name"],
            version=found["version"],
            alias=found["alias"],
            url=found["url"],
            image_uri=found["image_uri"],
        )
        for image, found in sorted(outputs["functions"].items())
    )


def read_alias(aws: Aws, function: Function) -> Alias:
    """What the function's alias names. Raises CloudError."""
    with aws.explained(f"read the alias {function.alias} of {function.name}"):
        return Alias.of(aws.functions.get_alias(FunctionName=function.name, Name=function.alias))


def read_commit(aws: Aws, function: Function) -> str:
    """The commit a version was deployed as: Terraform writes it into the description. Raises CloudError."""
    with aws.explained(f"read version {function.version} of {function.name}"):
        answer = aws.functions.get_function_configuration(FunctionName=function.name, Qualifier=function.version)
    return answer.get("Description", "").removeprefix("commit ")


def read_image_uri(aws: Aws, function: Function, version: str) -> str:
    """The image a published version runs, `repository@sha256:...`. Raises CloudError."""
    with aws.explained(f"read the image of version {version} of {function.name}"):
        answer = aws.functions.get_function(FunctionName=function.name, Qualifier=version)
    return answer["Code"].get("ImageUri", "")


def publish_version(aws: Aws, function: Function) -> str:
    """The version that is what the function is now; a new one only if it changed since the last. Raises CloudError.

    https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html: "Lambda doesn't publish a version if the
    function's configuration and code haven't changed since the last version."
    """
    with aws.explained(f"publish {function.name}"):
        return aws.functions.publish_version(FunctionName=function.name)["Version"]


def wait_active(aws: Aws, function: Function) -> None:
    """Until Lambda has made the published version ready. Raises UnhealthyError when it cannot, or CloudError."""
    with aws.explained(f"wait for version {function.version} of {function.name} to become active"):
        _wake(aws, function)
        waiter = aws.functions.get_waiter("published_version_active")
        patience: WaiterConfigTypeDef = {"Delay": 1, "MaxAttempts": 120}  # seconds, times
        try:
            waiter.wait(FunctionName=function.name, Qualifier=function.version, WaiterConfig=patience)
        except WaiterError as error:
            if "terminal failure state" not in str(error):
                raise
            raise UnhealthyError(f"Lambda cannot make version {function.version} ready.", str(error)) from error


def _wake(aws: Aws, function: Function) -> None:
    """Call a version that nobody has called for weeks: the call fails, and Lambda makes the version ready again.

    https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html, "Inactive"
    """
    found = aws.functions.get_function_configuration(FunctionName=function.name, Qualifier=function.version)
    if found.get("State") == "Inactive":
        with contextlib.suppress(DeliveryError):
            list(stream(aws, function, function.version, {"events": "1"}, silence=30))


def stream(aws: Aws, function: Function, qualifier: str, query: dict[str, str], silence: float) -> Iterator[bytes]:
    """The bytes of one response as they come, from `qualifier` (a version or an alias).

    `silence`: seconds without a byte before giving up. Raises UnhealthyError when the function fails, CloudError
    when Lambda does not answer.
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


def _require_success(end: "InvokeWithResponseStreamCompleteEventTypeDef", who: str) -> None:
    if end.get("ErrorCode"):
        details = end.get("ErrorDetails", "")
        raise UnhealthyError(f"Version {who} failed: {end['ErrorCode']}", details, "correct it, then deploy again")


def stream_event(query: dict[str, str]) -> dict[str, Any]:
    """What asks for the stream: a Function URL event, payload format 2.0: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html."""
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
