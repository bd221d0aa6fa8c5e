"""Who may call a Function URL: the two statements that make one public, set and looked at.

AWS wants both since October 2025, the second conditioned, and provider 5.100.0 cannot say the second:
https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html.
"""

import json
from typing import Any

from delivery.aws.function import Function
from delivery.aws.session import Aws, ClientError, error_code
from delivery.errors import CloudError, RefusedError

# Ours, and the one that Terraform's provider adds by itself when it makes a public URL.
_OPEN = ("PublicUrl", "PublicUrlInvoke", "FunctionURLAllowPublicAccess")
_SIGNED = "signed requests (AWS_IAM)"
_WANTED = {
    "lambda:InvokeFunctionUrl": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
    "lambda:InvokeFunction": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
}


def apply_access(aws: Aws, function: Function) -> bool:
    """Let the public in where the URL is public, and nobody else where it is not; returns whether it is public.

    Idempotent. Raises CloudError.
    """
    public = _public(aws, function)
    with aws.explained(f"set who may call the URL of {function.name}"):
        if not public:
            for statement in _OPEN:
                _revoke(aws, function, statement)
            return False
        _permit(aws, function, "PublicUrl", Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE")
        _permit(aws, function, "PublicUrlInvoke", Action="lambda:InvokeFunction", InvokedViaFunctionUrl=True)
    return True


def check_access(aws: Aws, function: Function) -> str:
    """Whether the resource policy lets in whom the URL is for, and nobody else; changes nothing. Returns who, in words.

    Raises RefusedError when more people may call than should, CloudError when a statement is missing.
    """
    public = _public(aws, function)
    found = [(statement["Action"], statement.get("Condition", {})) for statement in _to_everyone(aws, function)]
    wanted = list(_WANTED.items()) if public else []
    if extra := [action for action, condition in found if (action, condition) not in wanted]:
        raise RefusedError(
            f"Everyone may call {function.name}:{function.alias} in a way that nobody asked for.",
            f"A statement of its policy grants {', '.join(extra)} to `*`, not only through a public URL.",
            f"`aws lambda remove-permission`, or `{aws.environment.command('deploy')}`, which removes its own",
        )
    if missing := [action for action, condition in wanted if (action, condition) not in found]:
        raise CloudError(
            f"The URL of {function.name} is public, and its policy lets nobody in.",
            f"Not granted to `*`: {', '.join(missing)}",
            f"{aws.environment.command('deploy')}, which grants both",
        )
    return "everyone (both statements)" if public else _SIGNED


def _public(aws: Aws, function: Function) -> bool:
    with aws.explained(f"read the URL of {function.name}"):
        config = aws.functions.get_function_url_config(FunctionName=function.name, Qualifier=function.alias)
    return config["AuthType"] == "NONE"


def _to_everyone(aws: Aws, function: Function) -> list[dict[str, Any]]:
    with aws.explained(f"read who may call {function.name}"):
        try:
            answer = aws.functions.get_policy(FunctionName=function.name, Qualifier=function.alias)
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":  # no statement at all
                return []
            raise
    statements: list[dict[str, Any]] = json.loads(answer["Policy"])["Statement"]
    everyone = [one for one in statements if one["Effect"] == "Allow" and one["Principal"] in ("*", {"AWS": "*"})]
    return [one for one in everyone if not _narrowed(one.get("Condition", {}))]


def _narrowed(condition: dict[str, dict[str, Any]]) -> bool:
    """Whether a condition is about who calls (an organisation, a source), so that `*` is not everyone."""
    return any(not key.startswith("lambda:") for operands in condition.values() for key in operands)


def _permit(aws: Aws, function: Function, statement: str, **grant: Any) -> None:
    try:
        aws.functions.add_permission(
            FunctionName=function.name,
            Qualifier=function.alias,
            StatementId=statement,
            Principal="*",
            **grant,
        )
    except ClientError as error:
        # The same code says that another change of the function is in progress.
        if error_code(error) != "ResourceConflictException" or "statement id" not in str(error):
            raise


def _revoke(aws: Aws, function: Function, statement: str) -> None:
    try:
        aws.functions.remove_permission(FunctionName=function.name, Qualifier=function.alias, StatementId=statement)
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
