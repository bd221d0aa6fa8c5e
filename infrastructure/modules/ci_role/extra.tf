# What an environment's `permissions` add (infrastructure/foundation): exactly those, in a policy of their own.
locals {
  extra = length(var.permissions.managed) + length(var.permissions.jobs) > 0
}

data "aws_iam_policy_document" "extra" {
  count = local.extra ? 1 : 0

  dynamic "statement" {
    for_each = length(var.permissions.managed) > 0 ? [sort(var.permissions.managed)] : []

    content {
      sid       = "ReadManagedPolicies"
      actions   = ["iam:GetPolicy", "iam:GetPolicyVersion"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = length(var.permissions.managed) > 0 ? [sort(var.permissions.managed)] : []

    content {
      sid       = "AttachManagedPolicies"
      actions   = ["iam:AttachRolePolicy"]
      resources = [local.roles]

      condition {
        test     = "ArnEquals"
        variable = "iam:PolicyARN"
        values   = statement.value
      }

      condition {
        test     = "ArnEquals"
        variable = "iam:PermissionsBoundary"
        values   = [var.boundary_arn]
      }
    }
  }

  dynamic "statement" {
    for_each = var.permissions.jobs

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

resource "aws_iam_role_policy" "extra" {
  count = local.extra ? 1 : 0

  name   = "permissions"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.extra[0].json
}
