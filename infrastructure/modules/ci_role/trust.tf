# GitHub's OIDC provider, and the jobs that may assume each role. No keys are stored.
# Source: GitHub docs, "Configuring OpenID Connect in Amazon Web Services".
locals {
  issuer = "token.actions.githubusercontent.com"
  # One of the two exists.
  provider = one(concat(
    aws_iam_openid_connect_provider.github[*].arn,
    data.aws_iam_openid_connect_provider.github[*].arn,
  ))

  # OWNER@<owner's number>/NAME@<repository's number> in the tokens of newer repositories, OWNER/NAME in older ones.
  # Source: GitHub changelog 2026-04-23, "Immutable subject claims for GitHub Actions OIDC tokens".
  numbered   = formatlist("%s@%s", split("/", var.github.repository), [var.github.owner_id, var.github.repository_id])
  repository = var.github.repository_id == "" ? var.github.repository : join("/", local.numbered)

  # Role => the GitHub environments whose jobs may assume it.
  trusted = {
    delivery = [var.environment.name]
    reader   = sort(var.github.promotes_to)
  }
}

# No thumbprints: IAM verifies this issuer's certificate by its authority (IAM API, CreateOpenIDConnectProvider).
resource "aws_iam_openid_connect_provider" "github" {
  count = var.github.create_oidc_provider ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_openid_connect_provider" "github" {
  count = var.github.create_oidc_provider ? 0 : 1

  url = "https://${local.issuer}"
}

data "aws_iam_policy_document" "trust" {
  for_each = { for role, environments in local.trusted : role => environments if length(environments) > 0 }

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

    # StringEquals, not StringLike: a pattern would also admit branches, pull requests or other repositories.
    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = [for name in each.value : "repo:${local.repository}:environment:${name}"]
    }

    # A job of a pull request or of another branch can name the environment, too. STS evaluates this claim of GitHub's
    # tokens since January 2026 (IAM guide, "Available keys for AWS OIDC federation").
    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:ref"
      values   = ["refs/heads/${var.github.default_branch}"]
    }
  }
}
