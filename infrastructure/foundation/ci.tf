data "aws_partition" "current" {}

locals {
  environment = { name = var.environment, account = var.account, region = var.region }
  log_groups  = "arn:${data.aws_partition.current.partition}:logs:${var.region}:${var.account}:log-group"

  # The account and the region stand in invoke.yaml only, so `permissions` has words in their place.
  statements = { functions = var.permissions.functions, jobs = var.permissions.jobs }
  permissions = {
    for owner, statements in local.statements : owner => [
      for statement in statements : {
        actions = statement.actions
        resources = [
          for text in statement.resources :
          replace(replace(replace(text, "{account}", var.account), "{region}", var.region), "{environment}", var.environment)
        ]
        conditions = statement.conditions
      }
    ]
  }
  managed = toset([for arn in var.permissions.managed : replace(arn, "{account}", var.account)])
}

# Those that `permissions` names. The boundary allows what they allow, and a job may attach them.
data "aws_iam_policy" "managed" {
  for_each = local.managed
  arn      = each.value
}

# The boundary limits the role of every function to the logs of these functions and to `permissions`, whatever policy
# the role gets. infrastructure/service sets it on every role, in the sandbox too. Without `permissions`, 40 functions
# with the longest names fit into it.
data "aws_iam_policy_document" "function_boundary" {
  source_policy_documents = [
    for managed in data.aws_iam_policy.managed : jsonencode({
      Version = "2012-10-17"
      Statement = [
        for statement in flatten([jsondecode(managed.policy).Statement]) :
        { for key, value in statement : key => value if key != "Sid" } if statement.Effect == "Allow"
      ]
    })
  ]

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for image in sort(var.images) : "${local.log_groups}:/aws/lambda/${var.environment}-${image}:*"]
  }

  dynamic "statement" {
    for_each = local.permissions.functions

    content {
      actions   = statement.value.actions
      resources = statement.value.resources

      dynamic "condition" {
        for_each = statement.value.conditions

        content {
          test     = condition.value.test
          variable = condition.value.variable
          values   = condition.value.values
        }
      }
    }
  }
}

resource "aws_iam_policy" "function_boundary" {
  name        = "${var.environment}-function-boundary"
  description = "Limits the roles of the functions of ${var.environment}. Add a permission here first."
  policy      = data.aws_iam_policy_document.function_boundary.json

  lifecycle {
    precondition {
      # IAM quotas: 6,144 characters for a managed policy, without white space.
      condition     = length(replace(data.aws_iam_policy_document.function_boundary.json, "/\\s/", "")) <= 6144
      error_message = "The boundary has more than 6,144 characters: join statements, or use wildcards in `permissions`."
    }
  }
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
    signers              = var.signers
    pull_requests        = var.pull_requests
    create_oidc_provider = var.create_oidc_provider
  }
  state_bucket_arn = aws_s3_bucket.state.arn
  state_kms_key    = var.state_kms_key
  boundary_arn     = aws_iam_policy.function_boundary.arn

  signing_key_arn   = try(module.signing_key[0].arn, "")
  verification_keys = var.verification_keys
  permissions       = { managed = local.managed, jobs = local.permissions.jobs }
}
