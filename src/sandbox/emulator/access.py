"""Who may do what: where the emulator evaluates an IAM policy or a trust policy unlike AWS.

The wrappers are applied by sandbox.emulator.patches, and its rules hold here too.
"""

import importlib
import json
import re
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


def actions_of_lambda(_: ModuleType, upstream: Callable[..., str | None]) -> Callable[..., str | None]:
    """Some operations of Lambda are evaluated as another action, and InvokeWithResponseStream as none.

    Source: service authorization reference of Lambda; Lambda API, InvokeWithResponseStream.
    """

    def action(service: str, method: str, path: str, *request: Any) -> str | None:
        if service == "lambda":
            for name, (verb, pattern) in _ACTIONS.items():
                if method == verb and re.search(rf"/functions/[^/]+/{pattern}/?$", path):
                    return f"lambda:{name}"
        return upstream(service, method, path, *request)

    return action


_ACTIONS = {
    "DeleteAlias": ("DELETE", "aliases/[^/]+"),
    "DeleteFunctionUrlConfig": ("DELETE", "url"),
    "GetAlias": ("GET", "aliases/[^/]+"),
    "InvokeFunction": ("POST", "response-streaming-invocations"),
    "UpdateAlias": ("PUT", "aliases/[^/]+"),
    "UpdateFunctionUrlConfig": ("PUT", "url"),
}


def resources_in_full(_: ModuleType, upstream: Callable[..., str]) -> Callable[..., str]:
    """A policy sees `*`, or less than the whole ARN, where AWS shows it the ARN that the service's reference gives.

    That is a role with its path, a version or an alias with its qualifier, a log group with `:*`, a key of KMS that the
    request names by its alias, and what only the body names. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns;
    CloudWatch Logs guide, "CloudWatch Logs resources and operations".
    """
    iam, kms = (importlib.import_module(f"ministack.services.{name}") for name in ("iam", "kms"))

    def resource(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> str:
        parameters, region, account = rest
        arn = upstream(service, method, path, headers, body, *rest)
        if service == "iam" and ":role/" in arn:
            prefix, _, name = arn.partition(":role/")
            asked = _parameter(parameters, "Path")  # of CreateRole
            return f"{prefix}:role{asked or iam._roles.get(name, {'Path': '/'})['Path']}{name}"
        if service == "kms" and ":alias/" in arn:
            return str((kms._resolve_key(arn) or {"Arn": arn})["Arn"])
        if service == "lambda" and arn.count(":") == 6 and (qualifier := _parameter(parameters, "Qualifier")):
            return f"{arn}:{qualifier}"
        if service == "logs" and ":log-group:" in arn and "logGroupName" in (document := _document(body)):
            stream = document.get("logStreamName")  # tags are of a resourceArn
            return f"{arn}:log-stream:{stream}" if stream else f"{arn}:*"
        if arn == "*":
            named = _named(service, body, parameters)
            return f"arn:aws:{_PREFIX[service]}:{region}:{account}:{named}" if named else arn
        return arn

    return resource


_PREFIX = {"ecr": "ecr", "lambda": "lambda", "monitoring": "cloudwatch"}


def _document(body: bytes) -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(body) if body.startswith(b"{") else {}
    return document


def _named(service: str, body: bytes, parameters: Mapping[str, Any]) -> str:
    """The resource that the body names; "" if it names none. DescribeAlarms is evaluated on all alarms."""
    document = _document(body)
    if service == "lambda" and document.get("FunctionName"):
        return f"function:{document['FunctionName']}"
    if service == "ecr" and document.get("repositoryNames"):
        return f"repository/{document['repositoryNames'][0]}"
    if service == "monitoring" and _parameter(parameters, "Action") == "DescribeAlarms":
        return "alarm:*"
    if service == "monitoring" and (arn := _parameter(parameters, "ResourceARN")):
        return arn.split(":", 5)[5]
    return ""


def requests_over_tls(_: ModuleType, upstream: Callable[..., Any]) -> Callable[..., Any]:
    """A policy sees aws:SecureTransport as false, because this endpoint is HTTP on loopback; those of AWS are HTTPS.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    return lambda key, context: "true" if key.lower() == "aws:securetransport" else upstream(key, context)


def principals_of_roles(_: ModuleType, upstream: Callable[..., Any]) -> Callable[..., Any]:
    """A policy sees the session of a role as aws:PrincipalArn; AWS shows it the role, with its path.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
    """
    iam = importlib.import_module("ministack.services.iam")

    def resolve(key: str, context: Any) -> Any:
        value = upstream(key, context)
        session = re.fullmatch(r"arn:aws:sts::(\d+):assumed-role/([^/]+)/.*", str(value))
        if key.lower() != "aws:principalarn" or not session:
            return value
        role = iam._roles.get_scoped(session[1], None, session[2]) or {}
        return f"arn:aws:iam::{session[1]}:role{role.get('Path', '/')}{session[2]}"

    return resolve


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
