"""Finds the missing permission in a refusal that AWS, Terraform's provider or docker printed."""

import re

# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html, "Access denied message examples"
_NAMED = re.compile(r"not authorized to perform: ([\w-]+:\w+)")
# The text of the Go SDK for S3, which may refuse without a reason (always for HEAD).
_S3 = re.compile(r"operation error S3: (\w+), https response error StatusCode: 403")
# Amazon S3 user guide, "Required permissions for Amazon S3 API operations"; the others are named as their operation.
# HeadObject needs ListBucket too, to report that an object does not exist.
_S3_ACTIONS = {
    "HeadBucket": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "HeadObject": "s3:GetObject (or s3:ListBucket)",
}
# BuildKit prints the request but not the reason of ECR. The action that each request needs:
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
_REGISTRY = re.compile(r"unexpected status from (\w+) request to \S+/v2/\S+?/(blobs|manifests)/\S*: 403")
_REGISTRY_ACTIONS = {
    ("HEAD", "blobs"): "ecr:BatchCheckLayerAvailability",
    ("GET", "blobs"): "ecr:GetDownloadUrlForLayer",
    ("POST", "blobs"): "ecr:InitiateLayerUpload",
    ("PATCH", "blobs"): "ecr:UploadLayerPart",
    ("PUT", "blobs"): "ecr:CompleteLayerUpload",
    ("HEAD", "manifests"): "ecr:BatchGetImage",
    ("GET", "manifests"): "ecr:BatchGetImage",
    ("PUT", "manifests"): "ecr:PutImage",
}
POLICY = "infrastructure/modules/ci_role/policy.tf"


def missing(text: str) -> str:
    """The refused actions, such as `ecr:PutImage`; empty when the text names none."""
    actions = _NAMED.findall(text) + [_S3_ACTIONS.get(name, f"s3:{name}") for name in _S3.findall(text)]
    actions += [_REGISTRY_ACTIONS[request] for request in _REGISTRY.findall(text) if request in _REGISTRY_ACTIONS]
    return ", ".join(dict.fromkeys(actions))


def hint(actions: str) -> str:
    """The `try:` line for missing actions. The file holds the policy of the CI role, not that of a person."""
    return f"ask for {actions}; the policy of the CI role is in {POLICY}"
