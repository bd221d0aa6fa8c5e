"""The CI role's policy without some of its actions, and the actions that the emulator cannot enforce."""

from support.policies import Document, listed

PUSHING = "docker speaks to /v2/, where the emulator asks for nothing; ECR user guide, `Pushing an image`"
TAGGING = "Terraform's default_tags, sent with the create; the emulator looks at the create alone"
UNENFORCED = {
    "ecr:BatchCheckLayerAvailability": PUSHING,
    "ecr:CompleteLayerUpload": PUSHING,
    "ecr:GetDownloadUrlForLayer": PUSHING,
    "ecr:InitiateLayerUpload": PUSHING,
    "ecr:UploadLayerPart": PUSHING,
    "cloudwatch:TagResource": TAGGING,
    "iam:TagRole": TAGGING,
    "lambda:TagResource": TAGGING,
    "logs:TagResource": TAGGING,
}
"""What the policy has because AWS asks for it and the emulator does not. Taken away from the start: if the emulator
asks one day, the deploys of these tests fail, and the line goes."""


def without(document: Document, dropped: frozenset[str]) -> Document:
    """The policy without `dropped`."""
    statements = []
    for statement in document["Statement"]:
        if kept := [action for action in listed(statement["Action"]) if action not in dropped]:
            statements.append({**statement, "Action": kept})
    return {"Version": document["Version"], "Statement": statements}
