# Exactly the actions that the tasks need; each statement gives its reason. The policy allows no delete (a person
# applies a plan that destroys, or that replaces a half-created resource) and no change of infrastructure/foundation
# (a person bootstraps). tests/integration/test_policy.py runs the tasks with this policy and without each action.
locals {
  arn       = "arn:${data.aws_partition.current.partition}"
  here      = "${var.environment.region}:${var.environment.account}"
  functions = "${local.arn}:lambda:${local.here}:function:${var.environment.name}-*"
  roles     = "${local.arn}:iam::${var.environment.account}:role/${var.environment.name}-*"
  logs      = "${local.arn}:logs:${local.here}:log-group:/aws/lambda/${var.environment.name}-*"
  alarms    = "${local.arn}:cloudwatch:${local.here}:alarm:${var.environment.name}-*"
  state     = "${var.state_bucket_arn}/service.tfstate"

  repositories = "${local.arn}:ecr:${local.here}:repository/${var.environment.name}-*-lambda"
}

data "aws_iam_policy_document" "delivery" {
  # Terraform's S3 backend; https://developer.hashicorp.com/terraform/language/backend/s3#s3-bucket-permissions
  statement {
    sid       = "ListStateBucket"
    actions   = ["s3:ListBucket"]
    resources = [var.state_bucket_arn]
  }

  statement {
    sid       = "ReadAndWriteStateAndLock"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = [local.state, "${local.state}.tflock"]
  }

  # Terraform deletes only the lock. The state is the only record of the created resources.
  statement {
    sid       = "ReleaseLock"
    actions   = ["s3:DeleteObject"]
    resources = ["${local.state}.tflock"]
  }

  # For `docker login`. ECR supports no resource-level permission for this action.
  statement {
    sid       = "LogInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  # The tasks find the commit's image, read it, push missing layers and tag the release. Lambda requires
  # ecr:BatchGetImage and ecr:GetDownloadUrlForLayer of the caller that creates a function from an image.
  statement {
    sid = "PushImages"
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

  # Terraform manages the function, its published version, its alias and its URL. GetFunction returns the tags only to
  # those who may list them; without lambda:ListTags, every plan would add the tags again. A job may set the limit of
  # streams; only a person may remove it (lambda:DeleteFunctionConcurrency).
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
      "lambda:ListTags",
      "lambda:ListVersionsByFunction",
      "lambda:PublishVersion",
      "lambda:PutFunctionConcurrency",
      "lambda:TagResource",
      "lambda:UpdateFunctionCode",
      "lambda:UpdateFunctionConfiguration",
      "lambda:UpdateFunctionUrlConfig",
    ]
    resources = [local.functions]
  }

  # A release opens a version's stream, moves the alias (at once, in steps, or back), sets who may call the URL, and
  # opens the URL once; a signed request needs lambda:InvokeFunctionUrl and lambda:InvokeFunction.
  statement {
    sid = "VerifyAndRelease"
    actions = [
      "lambda:AddPermission",
      "lambda:InvokeFunction",
      "lambda:InvokeFunctionUrl",
      "lambda:RemovePermission",
      "lambda:UpdateAlias",
    ]
    resources = [local.functions]
  }

  # A canary reads its metrics while it serves a share of the requests. CloudWatch supports no resource-level
  # permission for this action.
  statement {
    sid       = "WatchCanary"
    actions   = ["cloudwatch:GetMetricData"]
    resources = ["*"]
  }

  # The functions' roles. Without the boundary a job could get every permission of the account: it would create a
  # role that allows everything, pass the role to a function and call the function.
  statement {
    sid       = "CreateBoundedRoles"
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
    sid       = "PassRolesToFunctions"
    actions   = ["iam:PassRole"]
    resources = [local.roles]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["lambda.amazonaws.com"]
    }
  }

  # The pattern matches a log group's ARN with and without `:*`; the tag actions use both forms.
  statement {
    sid       = "ManageLogGroups"
    actions   = ["logs:CreateLogGroup", "logs:ListTagsForResource", "logs:PutRetentionPolicy", "logs:TagResource"]
    resources = [local.logs]
  }

  # Both actions list, so their resource is not a single log group or alarm.
  statement {
    sid       = "ListLogGroupsAndAlarms"
    actions   = ["cloudwatch:DescribeAlarms", "logs:DescribeLogGroups"]
    resources = ["*"]
  }

  statement {
    sid       = "SetAlarms"
    actions   = ["cloudwatch:ListTagsForResource", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"]
    resources = [local.alarms]
  }
}
