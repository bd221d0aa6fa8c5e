resource "aws_lambda_function" "this" {
  function_name = var.name
  description   = "commit ${var.settings.commit}"
  role          = aws_iam_role.this.arn

  package_type  = "Image"
  image_uri     = var.image_uri
  architectures = [var.settings.architecture]
  memory_size   = var.settings.memory_mb
  timeout       = var.settings.timeout_seconds

  # Every change publishes a new version. Except for the first, no version serves requests before the alias moves.
  publish = true

  environment {
    variables = {
      IMAGE_DIGEST      = split("@", var.image_uri)[1]
      HEARTBEAT_SECONDS = tostring(var.settings.heartbeat_seconds)
    }
  }

  # If a function logs before its log group exists, Lambda creates the group, without retention.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.write_log]
}

# The first apply must set a version; a public URL stays closed until that version is verified. Afterwards only the
# release moves the alias, and only to a version whose stream it has verified.
resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "The verified version that serves requests."
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version

  lifecycle {
    ignore_changes = [function_version, routing_config]
  }
}

# The release grants the permissions of a public URL. This provider cannot express the second of the two permissions
# that AWS requires (lambda:InvokeFunction with the condition lambda:InvokedViaFunctionUrl).
# Source: AWS Lambda guide, "Control access to Lambda function URLs".
resource "aws_lambda_function_url" "live" {
  function_name      = aws_lambda_function.this.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = var.settings.function_url_auth_type
  invoke_mode        = "RESPONSE_STREAM"
}
