data "aws_partition" "current" {}

locals {
  environment = { name = var.environment, account = var.account, region = var.region }
  log_groups  = "arn:${data.aws_partition.current.partition}:logs:${var.region}:${var.account}:log-group"
}

# The boundary limits the role of every function to the logs of these functions, whatever policy the role gets.
# infrastructure/service sets it on every role, in the sandbox too. 40 functions with the longest names fit into it.
data "aws_iam_policy_document" "function_boundary" {
  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for image in sort(var.images) : "${local.log_groups}:/aws/lambda/${var.environment}-${image}:*"]
  }
}

resource "aws_iam_policy" "function_boundary" {
  name        = "${var.environment}-function-boundary"
  description = "Limits the roles of the functions of ${var.environment}. Add a permission here first."
  policy      = data.aws_iam_policy_document.function_boundary.json
}

module "ci_role" {
  source = "../modules/ci_role"
  count  = var.github_repository == "" ? 0 : 1

  environment = local.environment
  images      = var.images
  github = {
    repository           = var.github_repository
    owner_id             = var.github_owner_id
    repository_id        = var.github_repository_id
    default_branch       = var.default_branch
    promotes_to          = var.promotes_to
    create_oidc_provider = var.create_oidc_provider
  }
  state_bucket_arn = aws_s3_bucket.state.arn
  state_kms_key    = var.state_kms_key
  boundary_arn     = aws_iam_policy.function_boundary.arn
}
