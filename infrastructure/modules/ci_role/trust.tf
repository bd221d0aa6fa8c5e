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

  branch = "refs/heads/${var.github.default_branch}"

  # Role => the jobs that may assume it: the ends of their `sub` claims, and their `ref` claim. GitHub lets no job of a
  # fork ask for a token; `refs/pull/` keeps `pull_request_target` out, whose jobs may run beside the code of a fork.
  trusted = {
    delivery = [{ jobs = ["environment:${var.environment.name}"], test = "StringEquals", ref = local.branch }]
    reader = [
      for claims in [
        { jobs = formatlist("environment:%s", sort(var.github.promotes_to)), test = "StringEquals", ref = local.branch },
        { jobs = var.github.pull_requests ? ["pull_request"] : [], test = "StringLike", ref = "refs/pull/*/merge" },
      ] : claims if length(claims.jobs) > 0
    ]
    signer = length(var.github.signers) == 0 ? [] : [
      { jobs = formatlist("environment:%s", sort(var.github.signers)), test = "StringEquals", ref = local.branch }
    ]
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
  for_each = { for role, claims in local.trusted : role => claims if length(claims) > 0 }

  dynamic "statement" {
    for_each = each.value

    content {
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

      # StringEquals, not StringLike: a pattern would also admit branches or other repositories.
      condition {
        test     = "StringEquals"
        variable = "${local.issuer}:sub"
        values   = [for job in statement.value.jobs : "repo:${local.repository}:${job}"]
      }

      # A job of a pull request or of another branch can name the environment, too. STS evaluates this claim of GitHub's
      # tokens since January 2026 (IAM guide, "Available keys for AWS OIDC federation").
      condition {
        test     = statement.value.test
        variable = "${local.issuer}:ref"
        values   = [statement.value.ref]
      }
    }
  }
}
