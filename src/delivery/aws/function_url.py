"""Access to a Function URL: the two statements of a public URL.

Since October 2025 AWS requires both, the second with a condition that provider 5.100.0 cannot express:
https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html.
"""

import json
from collections.abc import Mapping
from typing import Any

from delivery.aws.function import Function
from delivery.aws.session import Aws, ClientError, error_code
from delivery.errors import CloudError, RefusedError

# Our statements of a public URL, and the one that Terraform's provider adds when it creates a public URL.
_OURS: Mapping[str, Mapping[str, Any]] = {
    "PublicUrl": {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
    "PublicUrlInvoke": {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
}
_OF_TERRAFORM = "FunctionURLAllowPublicAccess"
_SIGNED = "signed requests (AWS_IAM)"
_PUBLIC_GRANTS = {
    "lambda:InvokeFunctionUrl": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
    "lambda:InvokeFunction": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
}


def apply_access(aws: Aws, function: Function) -> bool:
    """Grant everyone access to a public URL, and revoke it for any other; return whether the URL is public.

    Only what is missing is granted, and only what is there is revoked. Raises CloudError.
    """
    public = is_public(aws, function)
    names = {statement.get("Sid") for statement in _statements(aws, function)}
    with aws.explained(f"set who may call the URL of {function.name}"):
        if not public:
            for name in (*_OURS, _OF_TERRAFORM):
                if name in names:
                    _revoke(aws, function, name)
            return False
        for name, grant in _OURS.items():
            if name not in names:
                _permit(aws, function, name, grant)
    return True


def check_access(aws: Aws, function: Function) -> str:
    """Compare the resource policy with the type of the URL; return who may call, for people. Changes nothing.

    Raises RefusedError when more people may call than should, CloudError when a statement is missing.
    """
    public, statements = is_public(aws, function), _statements(aws, function)
    grants = [(statement["Action"], statement.get("Condition", {})) for statement in _to_everyone(statements)]
    expected = list(_PUBLIC_GRANTS.items()) if public else []
    if extra := [action for action, condition in grants if (action, condition) not in expected]:
        raise RefusedError(
            f"Everyone may call {function.name}:{function.alias}, and not only through a public URL.",
            f"A statement of its policy grants {', '.join(extra)} to `*`.",
            f"`aws lambda remove-permission`, or `{aws.environment.command('deploy')}`, which removes its own",
        )
    if missing := [action for action, condition in expected if (action, condition) not in grants]:
        raise CloudError(
            f"The URL of {function.name} is public, and its policy grants nobody access.",
            f"Not granted to `*`: {', '.join(missing)}",
            f"{aws.environment.command('deploy')}, which grants both",
        )
    return "everyone (both statements)" if public else _SIGNED


def is_public(aws: Aws, function: Function) -> bool:
    """Whether everyone may call the URL, without a signature. Raises CloudError."""
    with aws.explained(f"read the URL of {function.name}"):
        config = aws.functions.get_function_url_config(FunctionName=function.name, Qualifier=function.alias)
    return config["AuthType"] == "NONE"


def _statements(aws: Aws, function: Function) -> list[dict[str, Any]]:
    """The statements of the policy of the alias."""
    with aws.explained(f"read who may call {function.name}"):
        try:
            answer = aws.functions.get_policy(FunctionName=function.name, Qualifier=function.alias)
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":  # no statement at all
                return []
            raise
    statements: list[dict[str, Any]] = json.loads(answer["Policy"])["Statement"]
    return statements


def _to_everyone(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    allowed = [statement for statement in statements if statement["Effect"] == "Allow"]
    to_all = [statement for statement in allowed if statement["Principal"] in ("*", {"AWS": "*"})]
    return [statement for statement in to_all if not _narrowed(statement.get("Condition", {}))]


def _narrowed(condition: dict[str, dict[str, Any]]) -> bool:
    """Whether a condition limits the caller (an organisation, a source), so that `*` is not everyone."""
    return any(not key.startswith("lambda:") for operands in condition.values() for key in operands)


def _permit(aws: Aws, function: Function, statement: str, grant: Mapping[str, Any]) -> None:
    try:
        aws.functions.add_permission(
            FunctionName=function.name,
            Qualifier=function.alias,
            StatementId=statement,
            Principal="*",
            **grant,
        )
    except ClientError as error:
        # Lambda uses the same code while another change of the function is in progress.
        if error_code(error) != "ResourceConflictException" or "statement id" not in str(error):
            raise


def _revoke(aws: Aws, function: Function, statement: str) -> None:
    try:
        aws.functions.remove_permission(FunctionName=function.name, Qualifier=function.alias, StatementId=statement)
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
