locals {
  alias     = "live"
  connected = var.live_version != ""
}

resource "aws_lambda_function" "this" {
  function_name = var.name
  description   = "Server-Sent Events over a Function URL."
  role          = aws_iam_role.this.arn

  package_type  = "Image"
  image_uri     = var.image_uri
  architectures = [var.settings.architecture]
  memory_size   = var.settings.memory_mb
  timeout       = var.settings.timeout_seconds

  reserved_concurrent_executions = var.settings.concurrency

  # The deploy publishes a version of each change, with the commit as the description of the version. Nothing here
  # differs from commit to commit but the image.
  publish = false

  environment {
    variables = { HEARTBEAT_SECONDS = tostring(var.settings.heartbeat_seconds) }
  }

  # If a function logs before its log group exists, Lambda creates the group, without retention.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.write_log]
}

# A function is connected once one of its versions was verified: before, it has no alias, no URL and no trigger, so that
# nobody can call a version that nobody has checked. The alias is made with that version; afterwards only the release
# moves it. A trigger, such as an event source mapping, belongs here too: with the same count, and to the alias.
resource "aws_lambda_alias" "live" {
  count = local.connected ? 1 : 0

  name             = local.alias
  description      = "The verified version that serves requests."
  function_name    = aws_lambda_function.this.function_name
  function_version = var.live_version

  lifecycle {
    ignore_changes = [function_version, routing_config]
  }
}

# The release grants the permissions of a public URL. This provider cannot express the second of the two permissions
# that AWS requires (lambda:InvokeFunction with the condition lambda:InvokedViaFunctionUrl).
# Source: AWS Lambda guide, "Control access to Lambda function URLs".
resource "aws_lambda_function_url" "live" {
  count = local.connected ? 1 : 0

  function_name      = aws_lambda_function.this.function_name
  qualifier          = aws_lambda_alias.live[0].name
  authorization_type = var.settings.function_url_auth_type
  invoke_mode        = "RESPONSE_STREAM"
}
