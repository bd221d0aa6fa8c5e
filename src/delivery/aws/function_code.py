"""Gives a function a new image, and publishes it: Lambda takes the digest at once, without Terraform's fixed waits.

    read_unpublished -> begin_update -> end_update: Lambda has fetched the image -> publish -> a version

Each change names the revision that was read before (`RevisionId`). Of two deploys that change a function at the same
time, the second one gets an error and changes nothing.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from delivery.aws import function
from delivery.aws.function import Function, Version
from delivery.aws.session import Aws, ClientError, WaiterError, error_code
from delivery.errors import RefusedError, UnhealthyError
from delivery.reference import PushedImage

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import GetFunctionResponseTypeDef, WaiterConfigTypeDef

# Seconds between two looks at an update, and looks; botocore hands the seconds to time.sleep. 100 looks a second are
# allowed, and 16 functions at most are updated at a time:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, "GetFunction"
_WAIT: "WaiterConfigTypeDef" = {"Delay": 0.5, "MaxAttempts": 600}  # type: ignore[typeddict-item]
_NO_MOVE = "The alias was not moved: the old version serves."


@dataclass(frozen=True)
class Code:
    """The digest without its algorithm, the size in bytes, and the time of the change as Lambda writes it.

    https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
    """

    sha256: str = ""
    size: int = 0
    modified: str = ""


@dataclass(frozen=True)
class Unpublished:
    """`$LATEST` of a function: the image that it has now, and the revision that guards a change.

    `image`: None if the function was given a tag. `failed`: whether its last update failed. `variables`: its
    environment variables, which may be secrets. `code`: what Lambda says of its image.
    """

    function: Function
    image: PushedImage | None
    revision: str
    failed: bool = False
    variables: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    code: Code = field(default_factory=Code, compare=False)


def read_unpublished(aws: Aws, deployed: Function) -> Unpublished | None:
    """The function as it is now, once an update in progress has ended; None if AWS does not have it.

    Raises UnhealthyError when an update does not end within five minutes, or CloudError.
    """
    with aws.explained(f"read {deployed.name}"):
        try:
            answer = _settled(aws, deployed)
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                return None
            raise
    image = function.image_of(aws, deployed, answer) if "@sha256:" in answer["Code"].get("ImageUri", "") else None
    configuration = answer["Configuration"]
    failed = configuration.get("LastUpdateStatus") == "Failed"
    variables = configuration.get("Environment", {}).get("Variables", {})
    said = (
        configuration.get("CodeSha256", ""),
        configuration.get("CodeSize", 0),
        configuration.get("LastModified", ""),
    )
    return Unpublished(deployed, image, configuration["RevisionId"], failed, variables, Code(*said))


def begin_update(aws: Aws, before: Unpublished, image: PushedImage) -> None:
    """Give the function this image if it still is as `before`; see `end_update`.

    https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html. Raises RefusedError when somebody else
    changed the function, or CloudError when Lambda refuses the image.
    """
    name = before.function.name
    try:
        with _guarded(aws, before.function, f"give {name} the image {image.short_digest}"):
            aws.functions.update_function_code(FunctionName=name, ImageUri=image.uri, RevisionId=before.revision)
    except RefusedError:
        # botocore sends a request again whose answer was lost: the change may be our own.
        now = read_unpublished(aws, before.function)
        if now is None or now.image != image:
            raise


def end_update(aws: Aws, deployed: Function, image: PushedImage) -> Unpublished:
    """Wait until Lambda has fetched the image, at most five minutes.

    Raises UnhealthyError when Lambda cannot use it, RefusedError when the function has another image, or CloudError.
    """
    with aws.explained(f"wait for {deployed.name}"):
        answer = _settled(aws, deployed)
    configuration = answer["Configuration"]
    if (status := configuration.get("LastUpdateStatus")) == "Failed":
        why = f"{configuration.get('LastUpdateStatusReason', status)}\n{_NO_MOVE}"
        what = f"Lambda cannot use the image {image.short_digest} for {deployed.name}."
        raise UnhealthyError(what, why, "correct the image, then deploy again")
    if function.image_of(aws, deployed, answer) != image:
        raise _changed(aws, deployed, "It has another image.")
    return Unpublished(deployed, image, configuration["RevisionId"])


def publish(aws: Aws, unpublished: Unpublished, commit: str, known: Version | None = None) -> Version:
    """Publish the function for a commit; an unchanged function gets no new version. `known`: a version that was read.

    https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html: "Lambda doesn't publish a version if the
    function's configuration and code haven't changed since the last version." Raises RefusedError when somebody else
    changed the function, or CloudError.
    """
    deployed = unpublished.function
    with _guarded(aws, deployed, f"publish {deployed.name}"):
        answer = aws.functions.publish_version(
            FunctionName=deployed.name, Description=function.description(commit), RevisionId=unpublished.revision
        )
    if known and known.version == answer["Version"]:
        return replace(known, url=deployed.url)  # which it may have since it was read
    version = function.read_version(aws, deployed, answer["Version"])
    if version.pushed_image != unpublished.image:
        raise _changed(aws, deployed, f"Version {version.version} runs {version.digest}.")
    return version


def _settled(aws: Aws, deployed: Function) -> "GetFunctionResponseTypeDef":
    """The function once an update in progress has ended or failed."""
    answer = aws.functions.get_function(FunctionName=deployed.name)
    if answer["Configuration"].get("LastUpdateStatus") != "InProgress":
        return answer
    try:
        aws.functions.get_waiter("function_updated_v2").wait(FunctionName=deployed.name, WaiterConfig=_WAIT)
    except WaiterError as error:
        if "terminal failure state" not in str(error):
            what = f"Lambda is still updating {deployed.name}, after five minutes."
            raise UnhealthyError(what, _NO_MOVE, aws.environment.command("deploy")) from error
    return aws.functions.get_function(FunctionName=deployed.name)


@contextlib.contextmanager
def _guarded(aws: Aws, deployed: Function, doing: str) -> Iterator[None]:
    """While open, a call with a revision that is not the function's any more raises RefusedError."""
    with aws.explained(doing):
        try:
            yield
        except ClientError as error:
            if error_code(error) != "PreconditionFailedException":
                raise
            raise _changed(aws, deployed, "Its revision is not the one that this deploy has read.") from error


def _changed(aws: Aws, deployed: Function, why: str) -> RefusedError:
    what = f"The function {deployed.name} was changed by somebody else meanwhile."
    return RefusedError(what, f"{why}\n{_NO_MOVE}", f"{aws.environment.command('deploy')}, which reads it again")
