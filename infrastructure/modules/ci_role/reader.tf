# A promotion reads this environment from a job of the next environment, whose reviewers approve the job. That job
# gets a role of its own here, which changes nothing: the approval for one environment must not open another.
# The job of a pull request gets it too: it compares with the state, so it reads no resource but the images, the live
# versions and the boundary. 24 functions with the longest names fit into its inline policy.
locals {
  readers = length(local.trusted.reader) > 0 ? 1 : 0
}

data "aws_iam_policy_document" "reading" {
  # Without s3:ListBucket, S3 answers AccessDenied for a missing state. Terraform's S3 backend lists, too.
  statement {
    sid       = "ListStateBucket"
    actions   = ["s3:ListBucket"]
    resources = [var.state_bucket_arn]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [var.environment.account]
    }
  }

  statement {
    sid       = "ReadStateAndHold"
    actions   = ["s3:GetObject"]
    resources = [local.state, local.hold]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [var.environment.account]
    }
  }

  statement {
    sid       = "LogInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  # The release tags, the manifest, the layers and the scan of the image.
  statement {
    sid = "ReadImages"
    actions = [
      "ecr:BatchGetImage",
      "ecr:DescribeImageScanFindings",
      "ecr:DescribeImages",
      "ecr:DescribeRepositories",
      "ecr:GetDownloadUrlForLayer",
    ]
    resources = [for name in local.functions : "${local.repositories}/${name}-lambda"]
  }

  # The live version and its image.
  statement {
    sid       = "ReadVersions"
    actions   = ["lambda:GetAlias", "lambda:GetFunction", "lambda:ListVersionsByFunction"]
    resources = flatten([for name in local.functions : ["${local.lambda}:${name}", "${local.lambda}:${name}:*"]])
  }

  # The plan refuses what the boundary would cut off from a function (modules/image_function/boundary.tf).
  statement {
    sid       = "ReadBoundary"
    actions   = ["iam:GetPolicy", "iam:GetPolicyVersion"]
    resources = concat([var.boundary_arn], sort(var.permissions.managed))
  }
}

resource "aws_iam_role" "reader" {
  count = local.readers

  name                 = "${var.environment.name}-reader"
  path                 = "/ci/"
  description          = "Reads ${var.environment.name} for promotions from it and for pull requests."
  assume_role_policy   = data.aws_iam_policy_document.trust["reader"].json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "reading" {
  count = local.readers

  name   = "reading"
  role   = aws_iam_role.reader[0].id
  policy = data.aws_iam_policy_document.reading.json
}

# `invoke logs`. A policy of its own, because the inline one would exceed its limit: 40 functions with the longest names
# fit into this one. The ARN of a log group ends with `:*` for this action (functions.tf).
data "aws_iam_policy_document" "reader_logs" {
  statement {
    sid       = "ReadLogs"
    actions   = ["logs:FilterLogEvents"]
    resources = [for name in local.functions : "${local.log_groups}/${name}:*"]
  }
}

resource "aws_iam_policy" "reader_logs" {
  count = length(aws_iam_role.reader)

  name        = "${var.environment.name}-reader-logs"
  path        = "/ci/"
  description = "Reads the logs of the functions of ${var.environment.name}."
  policy      = data.aws_iam_policy_document.reader_logs.json
}

resource "aws_iam_role_policy_attachment" "reader_logs" {
  count = length(aws_iam_role.reader)

  role       = aws_iam_role.reader[0].name
  policy_arn = aws_iam_policy.reader_logs[0].arn
}
