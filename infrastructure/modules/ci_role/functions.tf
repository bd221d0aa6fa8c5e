# What belongs to a function has the function's name: its image repository, log group and alarms. Each name stands in
# full in the policies: with `prod-*`, prod could change the functions of an environment `prod-eu`.
#
# Inline policies of a role have at most 10,240 characters together, which 20 functions exceed. So these are managed
# policies: at most 6,144 characters each and 10 for a role (IAM quotas). Four functions fit into a policy even with
# the longest names of AWS Lambda, 64 characters; the role can deploy 40 functions.
locals {
  functions = [for image in sort(var.images) : "${var.environment.name}-${image}"]
  groups    = { for index, names in chunklist(local.functions, 4) : format("functions-%d", index + 1) => names }

  # modules/image_function creates the alarms. An alias or a version of a function is <function>:<alias>.
  alarms       = "${local.arn}:cloudwatch:${local.here}:alarm"
  lambda       = "${local.arn}:lambda:${local.here}:function"
  log_groups   = "${local.arn}:logs:${local.here}:log-group:/aws/lambda"
  repositories = "${local.arn}:ecr:${local.here}:repository"
}

data "aws_iam_policy_document" "functions" {
  for_each = local.groups

  # The tasks find the commit's image, read it and its scan, push missing layers and tag the release. Lambda requires
  # ecr:BatchGetImage and ecr:GetDownloadUrlForLayer of the caller that creates a function from an image.
  statement {
    sid = "PushImages"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:DescribeImageScanFindings",
      "ecr:DescribeImages",
      "ecr:DescribeRepositories",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = [for name in each.value : "${local.repositories}/${name}-lambda"]
  }

  # Terraform manages the function, its alias and its URL. A deploy also gives the function a new image by itself, and
  # publishes each version. GetFunction returns the tags only to those who may list them; without lambda:ListTags,
  # every plan would add the tags again.
  # A job may set the limit of streams; only a person may remove it (lambda:DeleteFunctionConcurrency).
  # A release opens a version's stream, moves the alias (at once, in steps, or back), sets who may call the URL, and
  # opens the URL once; a signed request needs lambda:InvokeFunctionUrl and lambda:InvokeFunction.
  statement {
    sid = "ApplyVerifyAndRelease"
    actions = [
      "lambda:AddPermission",
      "lambda:CreateAlias",
      "lambda:CreateFunction",
      "lambda:CreateFunctionUrlConfig",
      "lambda:GetAlias",
      "lambda:GetFunction",
      "lambda:GetFunctionConfiguration",
      "lambda:GetFunctionUrlConfig",
      "lambda:GetPolicy",
      "lambda:InvokeFunction",
      "lambda:InvokeFunctionUrl",
      "lambda:ListTags",
      "lambda:ListVersionsByFunction",
      "lambda:PublishVersion",
      "lambda:PutFunctionConcurrency",
      "lambda:RemovePermission",
      "lambda:TagResource",
      "lambda:UpdateAlias",
      "lambda:UpdateFunctionCode",
      "lambda:UpdateFunctionConfiguration",
      "lambda:UpdateFunctionUrlConfig",
    ]
    resources = flatten([for name in each.value : ["${local.lambda}:${name}", "${local.lambda}:${name}:*"]])
  }

  # A failed verification shows the last lines of that version's log, and `invoke logs` reads it.
  # The actions on tags use a log group's ARN without `:*`, the others with it.
  # Source: CloudWatch Logs guide, "CloudWatch Logs resources and operations".
  statement {
    sid = "ManageLogGroups"
    actions = [
      "logs:CreateLogGroup",
      "logs:FilterLogEvents",
      "logs:ListTagsForResource",
      "logs:PutRetentionPolicy",
      "logs:TagResource",
    ]
    resources = flatten([for name in each.value : ["${local.log_groups}/${name}", "${local.log_groups}/${name}:*"]])
  }

  statement {
    sid     = "SetAlarms"
    actions = ["cloudwatch:ListTagsForResource", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"]
    resources = flatten([
      for name in each.value : ["${local.alarms}:${name}-errors", "${local.alarms}:${name}-throttles"]
    ])
  }
}

resource "aws_iam_policy" "functions" {
  for_each = local.groups

  name        = "${var.environment.name}-delivery-${each.key}"
  path        = "/ci/"
  description = "Deploys ${join(", ", each.value)}."
  policy      = data.aws_iam_policy_document.functions[each.key].json
}

resource "aws_iam_role_policy_attachment" "functions" {
  for_each = local.groups

  role       = aws_iam_role.this.name
  policy_arn = aws_iam_policy.functions[each.key].arn
}
