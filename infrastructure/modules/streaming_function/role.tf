resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.settings.log_retention_days
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
  name               = var.name
  path               = "/functions/${var.environment}/"
  description        = "Lets ${var.name} write its own log."
  assume_role_policy = data.aws_iam_policy_document.assume.json

  # The CI role may create only roles with this path and this boundary. infrastructure/foundation defines it.
  permissions_boundary = var.permissions_boundary
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
