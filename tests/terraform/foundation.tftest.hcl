# The variables that infrastructure/foundation accepts and refuses. AWS is not called.
mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_data "aws_iam_policy" {
    defaults = {
      policy = <<-JSON
        {"Version": "2012-10-17", "Statement": [
          {"Sid": "WriteLogs", "Effect": "Allow", "Action": "xray:PutTraceSegments", "Resource": "*"},
          {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
        ]}
      JSON
    }
  }
}

override_resource {
  target = aws_s3_bucket.state
  values = { bucket = "state" }
}

variables {
  environment  = "preprod"
  account      = "111111111111"
  region       = "eusc-de-east-1"
  state_bucket = "state"
  images       = ["sse-streaming"]

  default_branch = "main"
}

run "without_a_key_s3_encrypts_the_state" {
  command = plan

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.state.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    error_message = "not AES256"
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.state[0].rule[0].noncurrent_version_expiration[0].newer_noncurrent_versions == 20
    error_message = "the newest versions must stay however old they are"
  }
}

run "old_versions_stay_where_no_expiry_is_wanted" {
  command = plan

  variables {
    state_history_days = 0
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.state) == 0
    error_message = "0 days means none"
  }
}

run "a_key_encrypts_the_state" {
  command = plan

  variables {
    state_kms_key = "arn:aws-eusc:kms:eusc-de-east-1:111111111111:key/mrk-1234"
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.state.rule).apply_server_side_encryption_by_default[0].kms_master_key_id == var.state_kms_key
    error_message = "another key"
  }
}

run "a_key_of_another_region_is_refused" {
  command         = plan
  expect_failures = [var.state_kms_key]

  variables {
    state_kms_key = "arn:aws:kms:us-east-1:111111111111:key/1234"
  }
}

run "an_alias_is_refused" {
  command         = plan
  expect_failures = [var.state_kms_key]

  variables {
    state_kms_key = "arn:aws-eusc:kms:eusc-de-east-1:111111111111:alias/state"
  }
}

run "the_ci_role_may_use_the_key_and_the_reader_may_decrypt" {
  command = plan

  module {
    source = "../modules/ci_role"
  }

  variables {
    environment      = { name = "preprod", account = "111111111111", region = "us-east-1" }
    state_bucket_arn = "arn:aws:s3:::state"
    boundary_arn     = "arn:aws:iam::111111111111:policy/boundary"
    state_kms_key    = "arn:aws:kms:us-east-1:111111111111:key/1234"
    github = {
      repository           = "Owner/name"
      owner_id             = ""
      repository_id        = ""
      default_branch       = "main"
      promotes_to          = ["prod"]
      create_oidc_provider = true
    }
  }

  assert {
    condition     = toset(data.aws_iam_policy_document.state_key["delivery"].statement[0].actions) == toset(["kms:Decrypt", "kms:GenerateDataKey"])
    error_message = "the CI role writes the state"
  }

  assert {
    condition     = toset(data.aws_iam_policy_document.state_key["reader"].statement[0].actions) == toset(["kms:Decrypt"])
    error_message = "the reader writes nothing"
  }
}

run "every_action_for_functions_or_jobs_is_refused" {
  command         = plan
  expect_failures = [var.permissions]

  variables {
    permissions = { jobs = [{ actions = ["*"], resources = ["*"] }] }
  }
}

run "a_managed_policy_without_an_arn_is_refused" {
  command         = plan
  expect_failures = [var.permissions]

  variables {
    permissions = { managed = ["ReadOnlyAccess"] }
  }
}

run "without_permissions_the_boundary_has_the_logs_alone" {
  command = plan

  assert {
    condition = jsonencode([for statement in data.aws_iam_policy_document.function_boundary.statement : statement.actions]) == jsonencode([
      ["logs:CreateLogStream", "logs:PutLogEvents"]
    ])
    error_message = "more than the logs"
  }
}

run "the_boundary_gets_exactly_the_permissions_and_what_the_managed_policies_allow" {
  command = plan

  variables {
    permissions = {
      functions = [{ actions = ["sqs:ReceiveMessage"], resources = ["arn:aws:sqs:{region}:{account}:{environment}-orders"] }]
      managed   = ["arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"]
      jobs      = [{ actions = ["scheduler:CreateSchedule"], resources = ["*"] }]
    }
  }

  assert {
    condition = (
      length(data.aws_iam_policy_document.function_boundary.statement) == 2
      && tolist(data.aws_iam_policy_document.function_boundary.statement[1].actions) == tolist(["sqs:ReceiveMessage"])
      && tolist(data.aws_iam_policy_document.function_boundary.statement[1].resources) == tolist(["arn:aws:sqs:eusc-de-east-1:111111111111:preprod-orders"])
    )
    error_message = "what the jobs may do is nothing that a function may do"
  }

  assert {
    condition = [for text in data.aws_iam_policy_document.function_boundary.source_policy_documents : jsondecode(text).Statement] == [
      [{ Action = "xray:PutTraceSegments", Effect = "Allow", Resource = "*" }]
    ]
    error_message = "a managed policy gives what it allows, without its names"
  }
}

run "without_signers_there_is_no_key" {
  command = plan

  assert {
    condition     = length(module.signing_key) == 0 && output.signing_key == "" && output.signer_role == ""
    error_message = "a key costs money each month"
  }
}

run "every_repository_scans_what_is_pushed" {
  command = plan

  module {
    source = "../modules/image_repository"
  }

  variables {
    environment     = { name = "preprod", account = "111111111111", region = "us-east-1" }
    image           = "sse-streaming"
    retained_images = 30
  }

  assert {
    condition     = one(aws_ecr_repository.this.image_scanning_configuration).scan_on_push
    error_message = "requires.vulnerabilities waits for this scan"
  }
}

run "a_job_of_no_repository_cannot_sign" {
  command         = plan
  expect_failures = [var.signers]

  variables {
    signers = ["preprod"]
  }
}

run "only_one_role_signs_and_only_the_named_accounts_verify" {
  command = plan

  module {
    source = "../modules/signing_key"
  }

  variables {
    environment        = { name = "prod", account = "222222222222", region = "us-east-1" }
    signer_arn         = "arn:aws:iam::222222222222:role/ci/prod-signer"
    verifying_accounts = ["333333333333"]
  }

  assert {
    condition     = aws_kms_key.this.customer_master_key_spec == "ECC_NIST_P256" && aws_kms_key.this.key_usage == "SIGN_VERIFY" && aws_kms_alias.this.name == "alias/prod-images"
    error_message = "cosign's default algorithm"
  }

  assert {
    condition = jsonencode([
      for statement in data.aws_iam_policy_document.key.statement : [for each in statement.condition : [each.variable, each.values]] if contains(statement.actions, "kms:Sign")
    ]) == jsonencode([[["aws:PrincipalArn", [var.signer_arn]]]])
    error_message = "one role signs"
  }

  assert {
    condition = jsonencode([
      for statement in data.aws_iam_policy_document.key.statement : sort([for each in one(statement.principals).identifiers : split(":", each)[4]]) if contains(statement.actions, "kms:Verify")
    ]) == jsonencode([["222222222222", "333333333333"]])
    error_message = "two accounts verify"
  }

  assert {
    condition     = length([for action in flatten([for each in data.aws_iam_policy_document.key.statement : each.actions]) : action if strcontains(action, "*")]) == 0
    error_message = "kms:* would let every administrator sign"
  }
}
