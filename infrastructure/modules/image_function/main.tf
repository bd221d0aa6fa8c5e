locals {
  alias     = "live"
  full_name = "${var.common.environment}-${var.name}"
  image     = coalesce(var.image, lookup(var.common.images, var.name, "none"))
  version   = lookup(var.common.live_versions, var.name, "")
  connected = local.version != ""

  # Lambda guide, "Creating and managing Lambda function URLs", its first note, read in November 2026:
  # https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html
  regions_without_urls = [
    "ap-east-2", "ap-south-2", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-west-1",
    "eu-central-2", "eu-south-2", "il-central-1", "me-central-1",
  ]
}

resource "aws_lambda_function" "this" {
  function_name = local.full_name
  description   = var.description
  role          = aws_iam_role.this.arn

  package_type  = "Image"
  image_uri     = local.image
  architectures = [var.common.architecture]
  memory_size   = var.memory_mb
  timeout       = var.timeout_seconds

  reserved_concurrent_executions = var.reserved_concurrency

  # The deploy publishes a version of each change, with the commit as the description of the version. Nothing here
  # differs from commit to commit but the image.
  publish = false

  # A secret is the ARN of its value: the value itself would stand in the state, and in Lambda's console.
  dynamic "environment" {
    for_each = length(var.variables) + length(var.secrets) > 0 ? [merge(var.variables, var.secrets)] : []

    content {
      variables = environment.value
    }
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  ephemeral_storage {
    size = var.ephemeral_storage_mb
  }

  tracing_config {
    mode = var.tracing
  }

  lifecycle {
    precondition {
      condition     = var.url == null || !contains(local.regions_without_urls, var.common.region)
      error_message = <<-TEXT
        Lambda has no Function URLs in ${var.common.region}, and the block of ${local.full_name} has a `url`: remove it,
        or write another environments.${var.common.environment}.region into invoke.yaml.
      TEXT
    }
  }

  # If a function logs before its log group exists, Lambda creates the group, without retention. Lambda refuses a
  # function in a VPC whose role may not make network interfaces yet.
  depends_on = [
    aws_cloudwatch_log_group.this,
    aws_iam_role_policy.write_log,
    aws_iam_role_policy.permissions,
    aws_iam_role_policy_attachment.managed,
  ]
}

# A function is connected once one of its versions was verified: before, it has no alias, no URL and no trigger, so that
# nobody can call a version that nobody has checked. The alias is made with that version; afterwards only the release
# moves it. A trigger stands beside the module block, and needs the output alias_arn.
resource "aws_lambda_alias" "live" {
  count = local.connected ? 1 : 0

  name             = local.alias
  description      = "The verified version that serves requests."
  function_name    = aws_lambda_function.this.function_name
  function_version = local.version

  lifecycle {
    ignore_changes = [function_version, routing_config]
  }
}

# The release grants the permissions of a public URL. This provider cannot express the second of the two permissions
# that AWS requires (lambda:InvokeFunction with the condition lambda:InvokedViaFunctionUrl).
# Source: AWS Lambda guide, "Control access to Lambda function URLs".
resource "aws_lambda_function_url" "live" {
  count = local.connected && var.url != null ? 1 : 0

  function_name      = aws_lambda_function.this.function_name
  qualifier          = aws_lambda_alias.live[0].name
  authorization_type = var.url.auth_type
  invoke_mode        = var.url.invoke_mode

  dynamic "cors" {
    for_each = var.url.cors == null ? [] : [var.url.cors]

    content {
      allow_credentials = cors.value.allow_credentials
      allow_headers     = cors.value.allow_headers
      allow_methods     = cors.value.allow_methods
      allow_origins     = cors.value.allow_origins
      expose_headers    = cors.value.expose_headers
      max_age           = cors.value.max_age_seconds
    }
  }
}
