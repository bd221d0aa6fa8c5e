"""Who may do what: where the emulator evaluates an IAM policy or a trust policy unlike AWS.

The wrappers are applied by sandbox.emulator.patches, and its rules hold here too.
"""

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

GITHUB = "token.actions.githubusercontent.com"
CLAIMS = frozenset(
    [
        "actor",
        "actor_id",
        "job_workflow_ref",
        "repository",
        "repository_id",
        "repository_owner_id",
        "workflow",
        "ref",
        "environment",
        "enterprise_id",
    ]
)
"""The claims of GitHub's tokens that STS evaluates besides aud and sub.

Source: IAM guide, "Available keys for AWS OIDC federation", and the service authorization reference of STS.
"""


def claims_of_github(_: ModuleType, upstream: Callable[..., Any]) -> Callable[..., Any]:
    """A trust policy sees only aud, sub and amr of a token; since January 2026, AWS shows it GitHub's own claims."""
    cognito = importlib.import_module("ministack.services.cognito")

    def principal(token: str, provider_id: str, role_arn: str) -> tuple[str, dict[str, Any]]:
        provider, keys = upstream(token, provider_id, role_arn)
        if provider.rpartition("/")[2] == GITHUB:
            claims = cognito._decode_id_token_unverified(token)
            keys |= {f"{GITHUB}:{name}": str(claims[name]) for name in CLAIMS & claims.keys()}
        return provider, keys

    return principal


def role_arns_with_path(_: ModuleType, upstream: Callable[..., str]) -> Callable[..., str]:
    """A policy sees the ARN of a role without the role's path.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-friendly-names
    """
    iam = importlib.import_module("ministack.services.iam")

    def resource(service: str, *request: Any) -> str:
        arn = upstream(service, *request)
        prefix, separator, name = arn.partition(":role/")
        if service != "iam" or not separator:
            return arn
        asked = _parameter(request[4], "Path")  # of CreateRole
        path = asked or iam._roles.get(name, {"Path": "/"})["Path"]
        return f"{prefix}:role{path}{name}"

    return resource


def boundary_of_a_role(_: ModuleType, upstream: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """A policy does not see iam:PermissionsBoundary: the boundary in the request, or that of the role it changes.

    Source: service authorization reference of IAM, CreateRole and PutRolePolicy.
    """
    iam = importlib.import_module("ministack.services.iam")

    def context(service: str, action: str, body: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
        keys = upstream(service, action, body, parameters)
        if service == "iam" and (name := _parameter(parameters, "RoleName")):
            boundary = _parameter(parameters, "PermissionsBoundary") or iam._roles.get(name, {}).get(
                "PermissionsBoundary"
            )
            keys |= {"iam:PermissionsBoundary": boundary} if boundary else {}
        return keys

    return context


def refusal(action: str, resource: str, context: Mapping[str, Any] | None = None) -> str:
    """Why the caller of this request may not do something else as well; "" if it may, or if nothing is enforced."""
    evaluator = importlib.import_module("ministack.core.iam_evaluator")
    responses = importlib.import_module("ministack.core.responses")
    key = evaluator._verified_key.get()  # "" for the root of an account
    service = action.partition(":")[0]
    denied = key and evaluator.enforce(key, action, service, responses.get_region(), resource, context)
    if not denied:
        return ""
    who = getattr(denied, "principal_arn", key)
    return f"User: {who} is not authorized to perform: {action} on resource: {resource}"


def _parameter(parameters: Mapping[str, Any], name: str) -> str:
    value = parameters.get(name, "")
    return str((value or [""])[0] if isinstance(value, list) else value)
