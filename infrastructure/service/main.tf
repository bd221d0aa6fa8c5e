# Each image that runs as a function has one module block in this folder and one line in local.functions.
# ../modules/image_function/variables.tf describes the arguments; `invoke new` writes a block and its line.
locals {
  functions = {
    "sse-streaming" = module.sse_streaming
  }

  # infrastructure/foundation creates the boundary.
  policies = "arn:${data.aws_partition.current.partition}:iam::${var.account}:policy"

  common = {
    environment          = var.environment
    region               = var.region
    images               = var.images
    live_versions        = var.live_versions
    architecture         = var.architecture
    permissions_boundary = "${local.policies}/${var.environment}-function-boundary"
    log_retention_days   = var.log_retention_days
    alarm_actions        = var.alarm_actions
  }

  without_function = setsubtract(keys(var.images), keys(local.functions))
}

data "aws_partition" "current" {}
