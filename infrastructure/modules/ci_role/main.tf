# What a job of the environment's CI may be: one role, no stored keys.
# Source: GitHub docs, "Configuring OpenID Connect in Amazon Web Services".
locals {
  issuer   = "token.actions.githubusercontent.com"
  provider = var.create_oidc_provider ? aws_iam_openid_connect_provider.github[0].arn : data.aws_iam_openid_connect_provider.github[0].arn
}

data "aws_partition" "current" {}

# No thumbprints: IAM trusts this issuer's certificate by its authority (IAM API, CreateOpenIDConnectProvider).
resource "aws_iam_openid_connect_provider" "github" {
  count = var.create_oidc_provider ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_openid_connect_provider" "github" {
  count = var.create_oidc_provider ? 0 : 1

  url = "https://${local.issuer}"
}

# Equal, not like: a pattern in `sub` would let in branches, pull requests or other repositories.
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.provider]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = ["repo:${var.github_repository}:environment:${var.environment}"]
    }
  }
}

# The path keeps it out of `role/<environment>-*`, which its own policy lets it change.
resource "aws_iam_role" "this" {
  name                 = "${var.environment}-delivery"
  path                 = "/ci/"
  description          = "Ships images and releases functions of ${var.environment} from ${var.github_repository}."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "delivery" {
  name   = "delivery"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.delivery.json
}
