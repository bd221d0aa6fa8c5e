# Exactly the actions that the tasks need; each statement gives its reason. The policies allow no delete (a person
# applies a plan that destroys, or that replaces a half-created resource) and no change of infrastructure/foundation
# (a person bootstraps). tests/integration/test_policy.py runs the tasks with these policies and without each action.
# This file has what belongs to the environment; functions.tf has what belongs to each function.
locals {
  arn   = "arn:${data.aws_partition.current.partition}"
  here  = "${var.environment.region}:${var.environment.account}"
  roles = "${local.arn}:iam::${var.environment.account}:role/functions/${var.environment.name}/*"
  state = "${var.state_bucket_arn}/service.tfstate"
  hold  = "${var.state_bucket_arn}/service.hold.json" # `invoke hold`; nothing is deployed while it is there
}

data "aws_iam_policy_document" "delivery" {
  # Terraform's S3 backend; https://developer.hashicorp.com/terraform/language/backend/s3#s3-bucket-permissions
  # The account: the name of a bucket that was deleted can be taken by somebody else.
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
    sid       = "ReadAndWriteStateLockAndHold"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = [local.state, "${local.state}.tflock", local.hold]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [var.environment.account]
    }
  }

  # The outputs of infrastructure/foundation: a deploy refuses an image whose repository no bootstrap has set up.
  statement {
    sid       = "ReadFoundation"
    actions   = ["s3:GetObject"]
    resources = ["${var.state_bucket_arn}/foundation.tfstate"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [var.environment.account]
    }
  }

  # Terraform deletes only the lock. The state is the only record of the created resources.
  statement {
    sid       = "ReleaseLock"
    actions   = ["s3:DeleteObject"]
    resources = ["${local.state}.tflock"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [var.environment.account]
    }
  }

  # For `docker login`. ECR supports no resource-level permission for this action.
  statement {
    sid       = "LogInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  # A canary reads its metrics while it serves a share of the requests. CloudWatch supports no resource-level
  # permission for this action.
  statement {
    sid       = "WatchCanary"
    actions   = ["cloudwatch:GetMetricData"]
    resources = ["*"]
  }

  # Both actions list, so their resource is not a single log group or alarm. AWS evaluates DescribeAlarms on `alarm:*`
  # (the error of github.com/aws-samples/amazon-cloudwatch-auto-alarms/issues/1).
  statement {
    sid       = "ListLogGroups"
    actions   = ["logs:DescribeLogGroups"]
    resources = ["*"]
  }

  statement {
    sid       = "ListAlarms"
    actions   = ["cloudwatch:DescribeAlarms"]
    resources = ["${local.alarms}:*"]
  }

  # The functions' roles, which have a path of their own. Without the boundary a job could get every permission of the
  # account: it would create a role that allows everything, pass the role to a function and call the function.
  statement {
    sid       = "CreateBoundedRoles"
    actions   = ["iam:CreateRole", "iam:PutRolePolicy"]
    resources = [local.roles]

    condition {
      test     = "ArnEquals"
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

  # The plan refuses what the boundary would cut off from a function (modules/image_function/boundary.tf).
  statement {
    sid       = "ReadBoundary"
    actions   = ["iam:GetPolicy", "iam:GetPolicyVersion"]
    resources = [var.boundary_arn]
  }
}
