"""Which permission a refusal is about, read from what AWS, Terraform's provider and docker print."""

import re

# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html, "Access denied message examples"
_NAMED = re.compile(r"not authorized to perform: ([\w-]+:\w+)")
# The Go SDK's words for S3, which may answer without a reason (always to a HEAD).
_S3 = re.compile(r"operation error S3: (\w+), https response error StatusCode: 403")
# Amazon S3 user guide, "Required permissions for Amazon S3 API operations"; the others are named as their operation.
# HeadObject is refused without ListBucket too: it may then not say that there is no such object.
_S3_ACTIONS = {
    "HeadBucket": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "HeadObject": "s3:GetObject (or s3:ListBucket)",
}
# BuildKit tells the request and keeps ECR's reason to itself. What each request needs:
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
    """The actions that were refused, such as `ecr:PutImage`; empty when the text names none."""
    found = _NAMED.findall(text) + [_S3_ACTIONS.get(name, f"s3:{name}") for name in _S3.findall(text)]
    found += [_REGISTRY_ACTIONS[request] for request in _REGISTRY.findall(text) if request in _REGISTRY_ACTIONS]
    return ", ".join(dict.fromkeys(found))


def hint(actions: str) -> str:
    """What to do without them. The file named is the CI role's; a person's are granted elsewhere."""
    return f"ask for {actions}; what a CI role may do is in {POLICY}"
