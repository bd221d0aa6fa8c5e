"""Lambda: functions, versions, aliases, and the stream of one version."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from delivery.aws.session import Aws, ClientError, WaiterError, error_code
from delivery.errors import DeliveryError, RefusedError, TerraformError, UnhealthyError
from delivery.reference import PushedImage

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import (
        AliasConfigurationResponseTypeDef,
        FunctionConfigurationTypeDef,
        GetFunctionResponseTypeDef,
        InvokeWithResponseStreamCompleteEventTypeDef,
        WaiterConfigTypeDef,
    )

Event = Mapping[str, Any]
"""What a function is invoked with."""
_ACTIVE = 120.0  # seconds
_DETAILS = 2000  # characters of an error that a person reads


@dataclass(frozen=True)
class Function:
    """A function as Terraform's outputs name it. `url`: empty without a URL, and as long as no version was verified."""

    image: str
    name: str
    alias: str
    url: str

    def address(self, target: str) -> str:
        """The address of a path, with or without a query, at its URL."""
        return self.url.rstrip("/") + target


@dataclass(frozen=True)
class Version(Function):
    """A published version of a function, with its image and its commit, as Lambda has them.

    `active`: whether it was ready when it was read.
    """

    version: str
    pushed_image: PushedImage
    commit: str
    active: bool = field(default=True, compare=False)

    @classmethod
    def of(cls, function: Function, answer: "GetFunctionResponseTypeDef", image: PushedImage) -> "Version":
        """The version in an answer of Lambda, which runs `image`."""
        configuration = answer["Configuration"]
        commit = commit_of(configuration.get("Description", ""))
        names = (function.image, function.name, function.alias, function.url)
        active = configuration.get("State") == "Active"
        return cls(*names, configuration["Version"], image, commit, active)

    @property
    def digest(self) -> str:
        """The digest of its image."""
        return self.pushed_image.digest


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
    """The functions in Terraform's outputs. Raises TerraformError for outputs that name no functions.

    A function without a URL has none, or null.
    """
    try:
        named = sorted((outputs.get("functions") or {}).items())
        return tuple(
            Function(image, each["function_name"], each["alias"], each.get("url") or "") for image, each in named
        )
    except (AttributeError, KeyError, TypeError) as error:
        why = f"The output `functions` is image name => {{function_name, alias, url}}; it lacks {error}."
        hint = "restore infrastructure/service/outputs.tf, then deploy again"
        raise TerraformError("The state does not tell which functions are deployed.", why, hint) from error


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
    return require_alias(aws, function, find_alias(aws, function))


def require_alias(aws: Aws, function: Function, alias: Alias | None) -> Alias:
    """The alias of a function as it was found. Raises UnhealthyError when nothing is live yet."""
    if alias:
        return alias
    raise UnhealthyError(
        f"No version of {function.name} is live.",
        f"The alias {function.alias} is made once a version was verified.",
        aws.environment.command("deploy"),
    )


def description(commit: str) -> str:
    """The description of a version that was published for a commit; `commit_of` reads it."""
    return f"commit {commit}"


def commit_of(description: str) -> str:
    """The commit in the description of a version."""
    return description.removeprefix("commit ")


def read_version(aws: Aws, function: Function, number: str) -> Version:
    """A version with its image and its commit. Raises RefusedError when Lambda names no digest, or CloudError."""
    with aws.explained(f"read version {number} of {function.name}"):
        answer = aws.functions.get_function(FunctionName=function.name, Qualifier=number)
    return Version.of(function, answer, image_of(aws, function, answer))


def newest_version(aws: Aws, function: Function) -> Version:
    """The version that was published last. Raises UnhealthyError without one, RefusedError or CloudError."""
    numbers = [int(version["Version"]) for version in list_versions(aws, function)]
    if not numbers:
        what = f"{function.name} has no version."
        raise UnhealthyError(what, "No deploy has published one yet.", aws.environment.command("deploy"))
    return read_version(aws, function, str(max(numbers)))


def list_versions(aws: Aws, function: Function) -> "tuple[FunctionConfigurationTypeDef, ...]":
    """The configuration of every published version. Raises CloudError."""
    versions: list[FunctionConfigurationTypeDef] = []
    with aws.explained(f"list the versions of {function.name}"):
        pages = aws.functions.get_paginator("list_versions_by_function").paginate(FunctionName=function.name)
        for page in pages:
            versions += [version for version in page["Versions"] if version["Version"].isdigit()]
    return tuple(versions)


def image_of(aws: Aws, function: Function, answer: "GetFunctionResponseTypeDef") -> PushedImage:
    """The image in an answer of GetFunction. Raises RefusedError when Lambda names no digest.

    `ResolvedImageUri` has the digest of a function that was deployed by tag, too:
    https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCodeLocation.html.
    """
    code = answer["Code"]
    try:
        return PushedImage.parse(function.image, code.get("ResolvedImageUri") or code.get("ImageUri", ""))
    except ValueError as error:
        what = f"Version {answer['Configuration'].get('Version', '')} of {function.name} names no digest."
        why = "Without the digest, its image is unknown."
        raise RefusedError(what, why, aws.environment.command("deploy")) from error


def wait_active(aws: Aws, function: Version, wake: Event | None, seconds: float | None = None) -> None:
    """Wait until a version is active, two minutes without `seconds`.

    Lambda deactivates a version after weeks without a call, and activates it by a call. `wake`: the event of that call;
    without one, an inactive version stays so until its first request:
    https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html, "Inactive". Raises UnhealthyError when Lambda
    fails, or CloudError.
    """
    if function.active:
        return
    with aws.explained(f"wait for version {function.version} of {function.name} to become active"):
        answer = aws.functions.get_function_configuration(FunctionName=function.name, Qualifier=function.version)
        if answer.get("State") == "Inactive":
            if wake is None:
                return
            with contextlib.suppress(DeliveryError):
                list(stream(aws, function, function.version, wake, silence=30))
        waiter = aws.functions.get_waiter("published_version_active")
        config: WaiterConfigTypeDef = {"Delay": 1, "MaxAttempts": max(1, int(seconds or _ACTIVE))}  # seconds, attempts
        try:
            waiter.wait(FunctionName=function.name, Qualifier=function.version, WaiterConfig=config)
        except WaiterError as error:
            if "terminal failure state" not in str(error):
                raise
            what = f"Lambda cannot make version {function.version} of {function.name} ready."
            raise UnhealthyError(what, str(error)) from error


def invoke(aws: Aws, function: Function, qualifier: str, event: Event, silence: float) -> Iterator[bytes]:
    """The result of one event, once it is there. `qualifier`: a version or an alias.

    `silence`: seconds without an answer until the connection counts as dead. Raises UnhealthyError when the function
    fails, CloudError when Lambda does not answer.
    """
    with aws.explained(f"invoke {function.name}:{qualifier}"):
        answer = aws.streaming(silence).invoke(
            FunctionName=function.name, Qualifier=qualifier, Payload=json.dumps(event)
        )
        payload = answer["Payload"].read()
    if answer.get("FunctionError"):
        raise _failed(f"{qualifier} of {function.name}", *_error(payload))
    yield payload


def stream(aws: Aws, function: Function, qualifier: str, event: Event, silence: float) -> Iterator[bytes]:
    """The bytes of one response as they arrive. `qualifier`: a version or an alias.

    `silence`: seconds without a byte until the stream counts as dead. Raises UnhealthyError when the function fails,
    CloudError when Lambda does not answer.
    """
    complete = False
    with aws.explained(f"open the stream of {function.name}:{qualifier}"):
        answer = aws.streaming(silence).invoke_with_response_stream(
            FunctionName=function.name, Qualifier=qualifier, Payload=json.dumps(event)
        )
        with contextlib.closing(answer["EventStream"]) as items:
            for item in items:
                if "PayloadChunk" in item:
                    yield item["PayloadChunk"]["Payload"]
                elif "InvokeComplete" in item:
                    complete = True
                    _require_success(item["InvokeComplete"], f"{qualifier} of {function.name}")
    if not complete:
        raise UnhealthyError(f"The invocation of {qualifier} of {function.name} was cut off.")


def _require_success(end: "InvokeWithResponseStreamCompleteEventTypeDef", version: str) -> None:
    if end.get("ErrorCode"):
        raise _failed(version, end["ErrorCode"], end.get("ErrorDetails", ""))


def _error(payload: bytes) -> tuple[str, str]:
    """The type of a function's error, and the whole of it; the runtime chooses its form."""
    text = payload.decode(errors="replace")
    try:
        kind = json.loads(text)["errorType"]
    except (ValueError, TypeError, KeyError):
        kind = "Unhandled"
    return str(kind), text


def _failed(version: str, kind: str, details: str) -> UnhealthyError:
    return UnhealthyError(
        f"Version {version} failed: {kind}", details[:_DETAILS], "read its log, correct it, then deploy again"
    )
