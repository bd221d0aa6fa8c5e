# The permissions that a function has beside its log: those of its arguments, in one inline policy.
locals {
  by_service = {
    ssm            = ["ssm:GetParameter", "ssm:GetParameters"]
    secretsmanager = ["secretsmanager:GetSecretValue"]
  }
  parts = {
    secrets = [
      for service, actions in local.by_service : {
        actions    = actions
        resources  = [for arn in distinct(values(var.secrets)) : arn if split(":", arn)[2] == service]
        conditions = []
      }
    ]
    # Lambda guide, "Giving Lambda functions access to resources in an Amazon VPC", required IAM permissions. EC2 has
    # no resource for most of these actions.
    vpc = [{
      actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
      ]
      resources  = ["*"]
      conditions = []
    }]
    # Lambda guide, "Visualize Lambda function invocations using AWS X-Ray". X-Ray has no resource for these actions.
    tracing = [{
      actions    = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      resources  = ["*"]
      conditions = []
    }]
  }
  statements = concat(
    [for statement in local.parts.secrets : statement if length(statement.resources) > 0],
    [for statement in local.parts.vpc : statement if var.vpc != null],
    [for statement in local.parts.tracing : statement if var.tracing == "Active"],
    var.policies.statements,
  )
  # Known when Terraform plans, also if an ARN is not.
  inline = length(var.secrets) + length(var.policies.statements) > 0 || var.vpc != null || var.tracing == "Active"
}

data "aws_iam_policy_document" "permissions" {
  count = local.inline ? 1 : 0

  dynamic "statement" {
    for_each = local.statements

    content {
      actions   = statement.value.actions
      resources = statement.value.resources

      dynamic "condition" {
        for_each = statement.value.conditions

        content {
          test     = condition.value.test
          variable = condition.value.variable
          values   = condition.value.values
        }
      }
    }
  }
}

resource "aws_iam_role_policy" "permissions" {
  count = local.inline ? 1 : 0

  name   = "permissions"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.permissions[0].json
}

resource "aws_iam_role_policy_attachment" "managed" {
  for_each = var.policies.managed

  role       = aws_iam_role.this.name
  policy_arn = each.value
}
