resource "aws_lambda_function" "this" {
  function_name = var.name
  description   = "commit ${var.commit}"
  role          = aws_iam_role.this.arn

  package_type  = "Image"
  image_uri     = var.image_uri
  architectures = [var.architecture]
  memory_size   = var.memory_mb
  timeout       = var.timeout_seconds

  # Every change becomes a new numbered version; but for the first, nobody is served by it before the alias moves.
  publish = true

  environment {
    variables = {
      IMAGE_DIGEST      = split("@", var.image_uri)[1]
      HEARTBEAT_SECONDS = tostring(var.heartbeat_seconds)
    }
  }

  # A function that logs before its group exists makes one itself, without retention.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.write_log]
}

# The first apply has to point the alias somewhere; a public URL stays closed until that version was verified.
# After that its target belongs to the release step, which moves it only to a version whose stream it has verified.
resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "The verified version that serves."
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version

  lifecycle {
    ignore_changes = [function_version, routing_config]
  }
}

# Who may call a public URL is granted by the release step: this provider cannot express the second of the
# two permissions AWS asks for (lambda:InvokeFunction on condition lambda:InvokedViaFunctionUrl).
# Source: AWS Lambda guide, "Control access to Lambda function URLs".
resource "aws_lambda_function_url" "live" {
  function_name      = aws_lambda_function.this.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = var.function_url_auth_type
  invoke_mode        = "RESPONSE_STREAM"
}
