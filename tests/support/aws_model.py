"""AWS's own description of its API, as botocore carries it: what a call may be given, may answer, and may raise.

A fake that disagrees with it fails the test that uses the fake. Patterns are not checked, as botocore does not.
"""

import functools
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import OperationModel, Shape
from botocore.validate import ParamValidator, ValidationErrors

SERVICES = ("lambda", "ecr", "s3", "sts", "cloudwatch", "logs", "iam", "kms")


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Codes that an operation does not list because every operation has them.
COMMON = {
    # https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html, and the page of that name of ECR.
    # InvalidSignatureException is not there, but is AWS's answer to a signature that does not match:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
    "json": _codes(
        "AccessDeniedException ExpiredTokenException IncompleteSignature InternalFailure InvalidSignatureException "
        "NotAuthorized OptInRequired RequestExpired ServiceUnavailable ThrottlingException UnrecognizedClientException "
        "ValidationError"
    ),
    # https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html, and the page of that name of CloudWatch
    "query": _codes(
        "AccessDenied AccessDeniedException ExpiredToken IncompleteSignature InternalFailure InvalidClientTokenId "
        "NotAuthorized OptInRequired RequestExpired ServiceUnavailable SignatureDoesNotMatch Throttling "
        "ThrottlingException ValidationError"
    ),
    # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
    "s3": _codes(
        "AccessDenied AuthorizationHeaderMalformed ExpiredToken InternalError InvalidAccessKeyId InvalidBucketName "
        "InvalidToken NoSuchBucket OperationAborted PermanentRedirect PreconditionFailed RequestTimeTooSkewed "
        "ServiceUnavailable SignatureDoesNotMatch SlowDown"
    ),
    # An answer to HEAD has no body, so botocore takes the status for the code:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
    "head": _codes("301 400 403 404"),
}


class Wrong(AssertionError):
    """A fake, or a call of it, that is not as AWS is."""


@functools.cache
def _session() -> botocore.session.Session:
    return botocore.session.Session()


@functools.cache
def operations(service: str) -> dict[str, OperationModel]:
    """The operations of a service, by the names of boto3's methods."""
    model = _session().get_service_model(service)
    return {xform_name(name): model.operation_model(name) for name in model.operation_names}


def operation(service: str, method: str) -> OperationModel:
    """One operation by the name of boto3's method. Raises Wrong."""
    if method not in operations(service):
        raise Wrong(f"AWS has no operation {service}.{method}")
    return operations(service)[method]


def require_input(model: OperationModel, given: dict[str, Any]) -> None:
    """Raise Wrong unless AWS takes these parameters."""
    _require(ParamValidator(), f"AWS would refuse {model.name}", model.input_shape, given)


def require_answer(model: OperationModel, answer: Any) -> Any:
    """Return the answer; raise Wrong unless boto3 could return it. The events of a stream are checked as they come."""
    if model.output_shape is None:
        if answer != {}:
            raise Wrong(f"AWS answers {model.name} with nothing, which boto3 returns as a dictionary: not {answer!r}")
        return answer
    stream = model.get_event_stream_output()
    events = {name for name, shape in model.output_shape.members.items() if shape is stream}
    plain = {key: value for key, value in answer.items() if key not in events} if isinstance(answer, dict) else answer
    _require(_Answers(), f"AWS does not answer {model.name} so", model.output_shape, plain)
    return {**plain, **{name: _Events(model, stream, answer[name]) for name in events & set(answer)}}


def require_stored(service: str, name: str, answer: dict[str, Any]) -> None:
    """Raise Wrong unless that is an answer, or a refusal, of the operation. Its streams were not stored."""
    model = operation(service, xform_name(name))
    if "Error" in answer:
        require_code(model, answer["Error"]["Code"])
        return
    stored = {key: value for key, value in answer.items() if key != "ResponseMetadata" and not _is_stream(value)}
    require_answer(model, stored)


def _is_stream(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"stream"}


def require_code(model: OperationModel, code: str) -> None:
    """Raise Wrong unless this operation can answer with this error code."""
    if code not in codes(model):
        raise Wrong(f"AWS has no error {code} of {model.name}, but {', '.join(sorted(codes(model)))}")


def codes(model: OperationModel) -> frozenset[str]:
    """Every error code of an operation: its own, and those of all operations of its service."""
    service = model.service_model.service_name
    if service == "s3":
        common = COMMON["head"] if model.http["method"] == "HEAD" else COMMON["s3"]
    else:
        common = COMMON["query" if "query" in model.service_model.metadata["protocols"] else "json"]
    shapes: list[Any] = list(model.error_shapes)
    return frozenset(shape.error_code for shape in shapes) | common


def named(name: str) -> OperationModel:
    """An operation by its own name, such as UpdateAlias, of whichever service has it. Raises Wrong."""
    for service in SERVICES:
        if xform_name(name) in operations(service):
            return operations(service)[xform_name(name)]
    raise Wrong(f"none of {', '.join(SERVICES)} has an operation {name}")


def require_paginator(service: str, method: str) -> None:
    """Raise Wrong unless boto3 has a paginator of that operation."""
    try:
        _session().get_paginator_model(service).get_paginator(operation(service, method).name)
    except ValueError as error:
        raise Wrong(f"boto3 has no paginator of {service}.{method}") from error


def waited(service: str, waiter: str) -> OperationModel:
    """The operation that a waiter of boto3 calls. Raises Wrong."""
    model = _session().get_waiter_model(service)
    names = {xform_name(name): name for name in model.waiter_names}
    if waiter not in names:
        raise Wrong(f"boto3 has no waiter {waiter} of {service}")
    return operation(service, xform_name(model.get_waiter(names[waiter]).operation))


def raised(model: OperationModel, error: BaseException) -> BaseException:
    """The error as boto3 raises it: an error of AWS names the operation. Raises Wrong for an unknown code."""
    if type(error) is not ClientError:
        return error
    require_code(model, error.response["Error"]["Code"])
    return ClientError(error.response, model.name)


class _Answers(ParamValidator):
    """As botocore checks parameters, but as its parsers return answers: bytes, times, and the known values only."""

    def _validate(self, params: Any, shape: Any, errors: ValidationErrors, name: str) -> None:
        if shape.name == "policyDocumentType" and isinstance(params, dict):
            return  # botocore decodes the policies of IAM: botocore.handlers.json_decode_policies
        if shape.type_name == "timestamp" and not isinstance(params, datetime):
            errors.report(name, "invalid type", param=params, valid_types=[str(datetime)])
        elif shape.type_name == "blob" and not (isinstance(params, bytes) or hasattr(params, "read")):
            errors.report(name, "invalid type", param=params, valid_types=[str(bytes), "a stream"])
        elif shape.type_name in ("integer", "long") and isinstance(params, bool):
            errors.report(name, "invalid type", param=params, valid_types=[str(int)])
        elif getattr(shape, "enum", None) and params not in shape.enum:
            errors.report(name, "invalid type", param=params, valid_types=shape.enum)
        else:
            super()._validate(params, shape, errors, name)  # type: ignore[misc]  # the stubs have public methods only

    def _validate_list(self, params: Any, shape: Any, errors: ValidationErrors, name: str) -> None:
        # Parameters and answers share their shapes, and an answer may be an empty list where a parameter may not.
        if not isinstance(params, list):
            errors.report(name, "invalid type", param=params, valid_types=[str(list)])
            return
        for index, item in enumerate(params):
            self._validate(item, shape.member, errors, f"{name}[{index}]")


class _Events:
    """A response stream whose items are checked as they are read."""

    def __init__(self, model: OperationModel, shape: Shape | None, items: Any) -> None:
        self._model, self._shape, self._items = model, shape, items

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for item in self._items:
            if not isinstance(item, dict) or len(item) != 1:
                raise Wrong(f"an event of {self._model.name} is one of its kinds: not {item!r}")
            _require(_Answers(), f"AWS sends no such event of {self._model.name}", self._shape, item)
            yield item

    def close(self) -> None:
        """As botocore's EventStream, whose connection is free afterwards."""


def _require(validator: ParamValidator, what: str, shape: Shape | None, value: Any) -> None:
    if shape is None:
        if value:
            raise Wrong(f"{what}: it takes no parameters")
        return
    report = validator.validate(value, shape)
    if report.has_errors():
        raise Wrong(f"{what}: {report.generate_report()}")
