# Exactly what the tasks do, each statement with its reason. Not here: deletes (a plan that destroys, or that
# replaces what was left half made, is for a person), and `infrastructure/foundation` itself (bootstrap is too).
# tests/integration/test_policy.py runs the tasks with it, and without each of its actions.
locals {
  arn       = "arn:${data.aws_partition.current.partition}"
  here      = "${var.region}:${var.account}"
  functions = "${local.arn}:lambda:${local.here}:function:${var.environment}-*"
  roles     = "${local.arn}:iam::${var.account}:role/${var.environment}-*"
  logs      = "${local.arn}:logs:${local.here}:log-group:/aws/lambda/${var.environment}-*"
  alarms    = "${local.arn}:cloudwatch:${local.here}:alarm:${var.environment}-*"
  state     = "${var.state_bucket_arn}/service.tfstate"

  repositories = "${local.arn}:ecr:${local.here}:repository/${var.environment}-*-lambda"
}

data "aws_iam_policy_document" "delivery" {
  # Terraform's S3 backend; https://developer.hashicorp.com/terraform/language/backend/s3#s3-bucket-permissions
  statement {
    sid       = "FindState"
    actions   = ["s3:ListBucket"]
    resources = [var.state_bucket_arn]
  }

  statement {
    sid       = "ReadAndWriteStateAndLock"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = [local.state, "${local.state}.tflock"]
  }

  # Only the lock is ever deleted; the state is the one record of what was made.
  statement {
    sid       = "ReleaseLock"
    actions   = ["s3:DeleteObject"]
    resources = ["${local.state}.tflock"]
  }

  # docker login; ECR knows no resource for it.
  statement {
    sid       = "LogInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  # Look for the commit's image, read it back, push what is missing, tag the release. Lambda asks for the
  # first two of the pull actions of whoever creates a function from an image.
  statement {
    sid = "PublishImages"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:DescribeImages",
      "ecr:DescribeRepositories",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = [local.repositories]
  }

  # Terraform: the function, its published version, alias and URL.
  statement {
    sid = "ApplyFunction"
    actions = [
      "lambda:CreateAlias",
      "lambda:CreateFunction",
      "lambda:CreateFunctionUrlConfig",
      "lambda:GetAlias",
      "lambda:GetFunction",
      "lambda:GetFunctionConfiguration",
      "lambda:GetFunctionUrlConfig",
      "lambda:GetPolicy",
      "lambda:ListVersionsByFunction",
      "lambda:PublishVersion",
      "lambda:TagResource",
      "lambda:UpdateFunctionCode",
      "lambda:UpdateFunctionConfiguration",
      "lambda:UpdateFunctionUrlConfig",
    ]
    resources = [local.functions]
  }

  # Open a version's stream, move the alias (at once, in steps, or back), settle who may call the URL.
  statement {
    sid       = "VerifyAndRelease"
    actions   = ["lambda:AddPermission", "lambda:InvokeFunction", "lambda:RemovePermission", "lambda:UpdateAlias"]
    resources = [local.functions]
  }

  # What a canary looks at while it has a share of the requests; CloudWatch knows no resource for it.
  statement {
    sid       = "WatchCanary"
    actions   = ["cloudwatch:GetMetricData"]
    resources = ["*"]
  }

  # The functions' own roles. Without the boundary this would be every permission of the account: make a role
  # that may do anything, pass it to a function, call the function.
  statement {
    sid       = "MakeBoundedRoles"
    actions   = ["iam:CreateRole", "iam:PutRolePolicy"]
    resources = [local.roles]

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [var.boundary_arn]
    }
  }

  statement {
    sid = "ReadAndTagRoles"
    actions = [
      "iam:GetRole",
      "iam:GetRolePolicy",
      "iam:ListAttachedRolePolicies",
      "iam:ListRolePolicies",
      "iam:TagRole",
    ]
    resources = [local.roles]
  }

  statement {
    sid       = "GiveFunctionsTheirRole"
    actions   = ["iam:PassRole"]
    resources = [local.roles]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["lambda.amazonaws.com"]
    }
  }

  # A log group's tags are asked for by its ARN, with and without `:*`: the pattern matches both.
  statement {
    sid       = "KeepLogs"
    actions   = ["logs:CreateLogGroup", "logs:ListTagsForResource", "logs:PutRetentionPolicy", "logs:TagResource"]
    resources = [local.logs]
  }

  # Both list: what is asked for is no single log group or alarm.
  statement {
    sid       = "FindLogsAndAlarms"
    actions   = ["cloudwatch:DescribeAlarms", "logs:DescribeLogGroups"]
    resources = ["*"]
  }

  statement {
    sid       = "SetAlarms"
    actions   = ["cloudwatch:ListTagsForResource", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"]
    resources = [local.alarms]
  }
}
