# One block for each image that runs as a function, and its line in local.functions.
module "sse_streaming" {
  source = "../modules/streaming_function"

  name      = "${var.environment}-sse-streaming"
  image_uri = var.images["sse-streaming"]

  architecture           = var.architecture
  commit                 = var.commit
  memory_mb              = var.memory_mb
  timeout_seconds        = var.timeout_seconds
  heartbeat_seconds      = var.heartbeat_seconds
  function_url_auth_type = var.function_url_auth_type
  log_retention_days     = var.log_retention_days
  alarm_actions          = var.alarm_actions
  permissions_boundary   = local.permissions_boundary
}

data "aws_partition" "current" {}

locals {
  # Made by infrastructure/foundation.
  permissions_boundary = "arn:${data.aws_partition.current.partition}:iam::${var.account}:policy/${var.environment}-function-boundary"

  functions = {
    "sse-streaming" = module.sse_streaming
  }
}
