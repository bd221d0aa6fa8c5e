"""What an account has already of what Terraform would make: read by name, before anything is adopted or made."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from delivery.aws.session import Aws, ClientError, error_code

T = TypeVar("T")
_MISSING = ("NoSuchEntity", "RepositoryNotFoundException", "ResourceNotFoundException")


@dataclass(frozen=True)
class Provider:
    """An OIDC provider of IAM. `environment`: the tag `Environment`, empty without one."""

    clients: tuple[str, ...]
    environment: str


def package_type(aws: Aws, function: str) -> str:
    """`Image` or `Zip`; empty without such a function. Raises CloudError.

    https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html.
    """
    answer = _find(aws, f"read {function}", lambda: aws.functions.get_function_configuration(FunctionName=function))
    return str(answer.get("PackageType", "Zip")) if answer else ""


def has_alias(aws: Aws, function: str, alias: str) -> bool:
    """Whether the function has the alias. Raises CloudError."""
    doing = f"read the alias {alias} of {function}"
    return _find(aws, doing, lambda: aws.functions.get_alias(FunctionName=function, Name=alias)) is not None


def has_url(aws: Aws, function: str, alias: str) -> bool:
    """Whether the alias has a Function URL. Raises CloudError."""
    doing = f"read the URL of {function}:{alias}"
    given = {"FunctionName": function, "Qualifier": alias}
    return _find(aws, doing, lambda: aws.functions.get_function_url_config(**given)) is not None


def has_log_group(aws: Aws, name: str) -> bool:
    """Whether the log group exists. Raises CloudError."""
    with aws.explained(f"look for the log group {name}"):
        pages = aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
        return any(group["logGroupName"] == name for page in pages for group in page["logGroups"])


def role_path(aws: Aws, name: str) -> str:
    """The path of a role, such as `/`; empty without such a role. Raises CloudError.

    The name of a role is unique in an account, whatever its path: IAM user guide, "IAM and STS quotas".
    """
    answer = _find(aws, f"read the role {name}", lambda: aws.iam.get_role(RoleName=name))
    return str(answer["Role"]["Path"]) if answer else ""


def encryption(aws: Aws, repository: str) -> str:
    """`AES256`, `KMS` or `KMS_DSSE`; empty without such a repository. Raises CloudError."""

    def read() -> Mapping[str, Any]:
        return aws.ecr.describe_repositories(repositoryNames=[repository])["repositories"][0]

    answer = _find(aws, f"read the repository {repository}", read)
    return str(answer.get("encryptionConfiguration", {}).get("encryptionType", "AES256")) if answer else ""


def provider(aws: Aws, partition: str, issuer: str) -> Provider | None:
    """The account's OIDC provider for an issuer, such as token.actions.githubusercontent.com. Raises CloudError."""
    arn = f"arn:{partition}:iam::{aws.environment.account}:oidc-provider/{issuer}"
    doing = f"read the OIDC provider {issuer}"
    answer = _find(aws, doing, lambda: aws.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn))
    if answer is None:
        return None
    tags = dict(_tags(answer))
    return Provider(tuple(answer.get("ClientIDList", ())), tags.get("Environment", ""))


def _tags(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for tag in answer.get("Tags", ()):
        yield tag["Key"], tag["Value"]


def _find(aws: Aws, doing: str, read: Callable[[], T]) -> T | None:
    """What was read; None if it does not exist."""
    with aws.explained(doing):
        try:
            return read()
        except ClientError as error:
            if error_code(error) in _MISSING:
                return None
            raise
