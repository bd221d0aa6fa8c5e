# The most that a function's role can ever be allowed, whoever writes its policy: its own log.
# infrastructure/service names it on every role, in the sandbox too.
data "aws_partition" "current" {}

data "aws_iam_policy_document" "function_boundary" {
  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${data.aws_partition.current.partition}:logs:${var.region}:${var.account}:log-group:/aws/lambda/${var.environment}-*"]
  }
}

resource "aws_iam_policy" "function_boundary" {
  name        = "${var.environment}-function-boundary"
  description = "Permissions boundary of the functions of ${var.environment}; a function that needs more is granted it here first."
  policy      = data.aws_iam_policy_document.function_boundary.json
}

module "ci_role" {
  source = "../modules/ci_role"
  count  = var.github_repository == "" ? 0 : 1

  environment          = var.environment
  account              = var.account
  region               = var.region
  github_repository    = var.github_repository
  promotes_to          = var.promotes_to
  create_oidc_provider = var.create_oidc_provider
  state_bucket_arn     = aws_s3_bucket.state.arn
  boundary_arn         = aws_iam_policy.function_boundary.arn
}
