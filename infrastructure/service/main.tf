# Each image that runs as a function has one module block here and one line in local.functions.
module "sse_streaming" {
  source = "../modules/streaming_function"

  environment          = var.environment
  name                 = "${var.environment}-sse-streaming"
  image_uri            = var.images["sse-streaming"]
  live_version         = lookup(var.live_versions, "sse-streaming", "")
  settings             = local.settings
  permissions_boundary = local.permissions_boundary
}

data "aws_partition" "current" {}

locals {
  # infrastructure/foundation creates the boundary.
  policies             = "arn:${data.aws_partition.current.partition}:iam::${var.account}:policy"
  permissions_boundary = "${local.policies}/${var.environment}-function-boundary"

  settings = {
    architecture           = var.architecture
    memory_mb              = var.memory_mb
    concurrency            = var.reserved_concurrent_executions
    timeout_seconds        = var.timeout_seconds
    heartbeat_seconds      = var.heartbeat_seconds
    function_url_auth_type = var.function_url_auth_type
    log_retention_days     = var.log_retention_days
    alarm_actions          = var.alarm_actions
  }

  functions = {
    "sse-streaming" = module.sse_streaming
  }

  without_function = setsubtract(keys(var.images), keys(local.functions))
}
