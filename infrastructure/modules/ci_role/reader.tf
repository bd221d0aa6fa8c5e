# A promotion reads what is live here from the job of the environment it goes to, which its reviewers let run. That job
# gets a role of its own here, one that changes nothing: approving one environment must not open another.
data "aws_iam_policy_document" "reader_trust" {
  count = length(var.promotes_to) > 0 ? 1 : 0

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
      values   = [for name in sort(var.promotes_to) : "repo:${var.github_repository}:environment:${name}"]
    }
  }
}

data "aws_iam_policy_document" "reading" {
  # Without this S3 says of a state that is not there that it may not be read.
  statement {
    sid       = "FindState"
    actions   = ["s3:ListBucket"]
    resources = [var.state_bucket_arn]
  }

  statement {
    sid       = "ReadState"
    actions   = ["s3:GetObject"]
    resources = [local.state]
  }

  statement {
    sid       = "LogInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  # Release tags, the manifest, the layers.
  statement {
    sid       = "ReadImages"
    actions   = ["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer"]
    resources = [local.repositories]
  }

  # What is live, and the image it runs.
  statement {
    sid       = "ReadVersions"
    actions   = ["lambda:GetAlias", "lambda:GetFunction", "lambda:ListVersionsByFunction"]
    resources = [local.functions]
  }
}

resource "aws_iam_role" "reader" {
  count = length(var.promotes_to) > 0 ? 1 : 0

  name                 = "${var.environment}-reader"
  path                 = "/ci/"
  description          = "Reads what is live in ${var.environment}, for promotions to ${join(", ", sort(var.promotes_to))}."
  assume_role_policy   = data.aws_iam_policy_document.reader_trust[0].json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "reading" {
  count = length(var.promotes_to) > 0 ? 1 : 0

  name   = "reading"
  role   = aws_iam_role.reader[0].id
  policy = data.aws_iam_policy_document.reading.json
}
