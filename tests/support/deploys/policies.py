"""The CI role's policy as the emulator can enforce it: which of its words it knows by another name, or not at all."""

from support.policies import Document, listed

PUSHING = "docker speaks to /v2/, where the emulator asks for nothing; ECR user guide, `Pushing an image`"
TAGGING = "Terraform's default_tags, sent with the create; the emulator looks at the create alone"
UNENFORCED = {
    "ecr:BatchCheckLayerAvailability": PUSHING,
    "ecr:CompleteLayerUpload": PUSHING,
    "ecr:GetDownloadUrlForLayer": PUSHING,
    "ecr:InitiateLayerUpload": PUSHING,
    "ecr:UploadLayerPart": PUSHING,
    "iam:PassRole": "Lambda asks for it when a function is given its role; the emulator does not",
    "lambda:InvokeFunction": "what InvokeWithResponseStream asks for; the emulator lets it pass",
    "cloudwatch:TagResource": TAGGING,
    "iam:TagRole": TAGGING,
    "lambda:TagResource": TAGGING,
    "logs:TagResource": TAGGING,
}
"""What the policy has because AWS asks for it and the emulator does not. Taken away from the start: if the emulator
asks one day, the deploys of these tests fail, and the line goes."""

SAME = {
    "lambda:GetAlias": "lambda:ListAliases",
    "lambda:UpdateAlias": "lambda:ListAliases",
    "lambda:UpdateFunctionUrlConfig": "lambda:CreateFunctionUrlConfig",
}
"""What the emulator takes for another action: it cannot tell these apart, so they are dropped together."""

ANYWHERE = {
    "cloudwatch:DescribeAlarms",
    "cloudwatch:ListTagsForResource",
    "ecr:DescribeRepositories",
    "lambda:CreateFunction",
}
"""What the emulator looks up without a resource; here, and only here, allowed on all."""


def enforced(document: Document, dropped: frozenset[str]) -> Document:
    """The policy in the emulator's words, without `dropped`."""
    statements = []
    for statement in document["Statement"]:
        before = [action for action in listed(statement["Action"]) if action not in dropped]
        wide = {SAME.get(action, action) for action in before if action in ANYWHERE}
        tight = {SAME.get(action, action) for action in before} - wide
        rest = {key: value for key, value in statement.items() if key != "Sid"}
        statements += [{**rest, "Action": sorted(tight)}] if tight else []
        statements += [{**rest, "Action": sorted(wide), "Resource": "*"}] if wide else []
    return {"Version": document["Version"], "Statement": statements}
