resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${local.full_name}"
  retention_in_days = var.common.log_retention_days
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name               = local.full_name
  path               = "/functions/${var.common.environment}/"
  description        = "Lets ${local.full_name} write its own log."
  assume_role_policy = data.aws_iam_policy_document.assume.json

  # The CI role may create only roles with this path and this boundary. infrastructure/foundation defines it.
  permissions_boundary = var.common.permissions_boundary

  lifecycle {
    precondition {
      condition     = length(local.refused) == 0
      error_message = <<-TEXT
        The boundary of the function roles would cut off permissions of ${local.full_name}:
        ${join("\n", formatlist("  %s", local.refused))}
        Add to permissions.functions in infrastructure/foundation/${var.common.environment}.tfvars, then
        `invoke bootstrap --env ${var.common.environment}`:
        ${join("\n", formatlist("  %s", local.additions))}
      TEXT
    }
  }
}

# Not AWSLambdaBasicExecutionRole, which may create log groups and write to all of them.
data "aws_iam_policy_document" "write_log" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:log-stream:*"]
  }
}

resource "aws_iam_role_policy" "write_log" {
  name   = "write-log"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.write_log.json
}
