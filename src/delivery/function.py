"""Lambda: what is live, what a version runs, move the alias, and one version's stream."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from delivery.aws import Aws, ClientError, WaiterError, code, explained
from delivery.errors import RefusedError, UnhealthyError

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import InvokeWithResponseStreamCompleteEventTypeDef, WaiterConfigTypeDef

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
    """What an alias names now; `revision` guards a move against a second person's."""

    version: str
    revision: str


def deployed(outputs: dict[str, Any]) -> tuple[Function, ...]:
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


def alias(aws: Aws, function: Function) -> Alias:
    """What the function's alias names. Raises CloudError."""
    with explained(f"read the alias {function.alias} of {function.name}"):
        answer = aws.functions.get_alias(FunctionName=function.name, Name=function.alias)
    return Alias(answer["FunctionVersion"], answer["RevisionId"])


def commit(aws: Aws, function: Function) -> str:
    """The commit a version was deployed as: Terraform writes it into the description. Raises CloudError."""
    with explained(f"read version {function.version} of {function.name}"):
        answer = aws.functions.get_function_configuration(FunctionName=function.name, Qualifier=function.version)
    return answer.get("Description", "").removeprefix("commit ")


def image_uri(aws: Aws, function: Function, version: str) -> str:
    """The image a published version runs, `repository@sha256:...`. Raises CloudError."""
    with explained(f"read the image of version {version} of {function.name}"):
        answer = aws.functions.get_function(FunctionName=function.name, Qualifier=version)
    return answer["Code"].get("ImageUri", "")


def wait_active(aws: Aws, function: Function) -> None:
    """Until Lambda has made the published version ready. Raises UnhealthyError when it cannot, or CloudError."""
    with explained(f"wait for version {function.version} of {function.name} to become active"):
        waiter = aws.functions.get_waiter("published_version_active")
        patience: WaiterConfigTypeDef = {"Delay": 1, "MaxAttempts": 120}  # seconds, times
        try:
            waiter.wait(FunctionName=function.name, Qualifier=function.version, WaiterConfig=patience)
        except WaiterError as error:
            if "terminal failure state" not in str(error):
                raise
            raise UnhealthyError(f"Lambda cannot make version {function.version} ready.", str(error)) from error


def move(aws: Aws, function: Function, seen: Alias) -> None:
    """Point the alias at the function's version, if it still names what was `seen`.

    Raises RefusedError when somebody else moved it meanwhile, CloudError when AWS refuses.
    """
    with explained(f"move the alias {function.alias} of {function.name}"):
        try:
            aws.functions.update_alias(
                FunctionName=function.name,
                Name=function.alias,
                FunctionVersion=function.version,
                RevisionId=seen.revision,
            )
        except ClientError as error:
            if code(error) != "PreconditionFailedException":
                raise
            if alias(aws, function).version == function.version:  # our own move, whose answer was lost
                return
            raise RefusedError(
                f"The alias {function.alias} was moved by somebody else meanwhile.",
                f"It named version {seen.version} when this deploy began to verify version {function.version}.",
                "invoke releases --env ..., then deploy again if that is what you want",
            ) from error


def stream(aws: Aws, function: Function, qualifier: str, query: dict[str, str], silence: float) -> Iterator[bytes]:
    """The bytes of one response as they come, from `qualifier` (a version or an alias).

    `silence`: seconds without a byte before giving up. Raises UnhealthyError when the function fails, CloudError
    when Lambda does not answer.
    """
    event = stream_event(query)
    complete = False
    with explained(f"open the stream of {function.name}:{qualifier}"):
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
