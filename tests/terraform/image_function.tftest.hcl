# The arguments that modules/image_function accepts and refuses, and what it makes of them. AWS is not called.
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = data.aws_iam_policy.boundary
  values = {
    policy = <<-JSON
      {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:Get*"], "Resource": ["arn:aws:s3:::orders/*"]},
        {"Effect": "Allow", "Action": "sqs:ReceiveMessage", "Resource": "arn:aws:sqs:us-east-1:111111111111:orders"},
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::orders/*",
         "Condition": {"StringEquals": {"s3:x-amz-acl": "private"}}},
        {"Effect": "Allow", "Action": ["ssm:GetParameter", "ssm:GetParameters"],
         "Resource": ["arn:aws:ssm:us-east-1:111111111111:parameter/preprod/*"]}
      ]}
    JSON
  }
}

override_data {
  target = data.aws_iam_policy.managed
  values = {
    policy = "{\"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"s3:ListAllMyBuckets\", \"Resource\": \"*\"}]}"
  }
}

variables {
  name = "orders"
  common = {
    environment          = "preprod"
    region               = "us-east-1"
    images               = { orders = "registry/preprod-orders-lambda@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
    live_versions        = {}
    architecture         = "x86_64"
    permissions_boundary = "arn:aws:iam::111111111111:policy/preprod-function-boundary"
    log_retention_days   = 30
    alarm_actions        = []
  }
}

run "a_function_needs_a_name_and_nothing_else" {
  command = plan

  assert {
    condition     = output.function_name == "preprod-orders" && output.url == null && output.alias_arn == null
    error_message = "an unverified function has no alias"
  }

  assert {
    condition     = length(aws_iam_role_policy.permissions) == 0 && length(data.aws_iam_policy.boundary) == 0
    error_message = "a function without permissions of its own reads no boundary"
  }
}

# Another address would make Terraform remove the function of an existing deployment, and make another one.
run "the_resources_of_an_existing_deployment_keep_their_names" {
  command = plan

  assert {
    condition = join(" ", [
      aws_lambda_function.this.function_name, aws_iam_role.this.name, aws_iam_role_policy.write_log.name,
      aws_cloudwatch_log_group.this.name, aws_cloudwatch_metric_alarm.live["Errors"].alarm_name,
      aws_cloudwatch_metric_alarm.live["Throttles"].alarm_name,
    ]) == "preprod-orders preprod-orders write-log /aws/lambda/preprod-orders preprod-orders-errors preprod-orders-throttles"
    error_message = "another address or another name"
  }
}

run "a_verified_version_is_connected" {
  command = plan

  variables {
    common = {
      environment          = "preprod"
      region               = "us-east-1"
      images               = { orders = "registry/preprod-orders-lambda@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
      live_versions        = { orders = "7" }
      architecture         = "x86_64"
      permissions_boundary = "arn:aws:iam::111111111111:policy/preprod-function-boundary"
      log_retention_days   = 30
      alarm_actions        = []
    }
    url                  = { auth_type = "NONE", cors = { allow_origins = ["https://example.test"] } }
    reserved_concurrency = 20
  }

  assert {
    condition     = aws_lambda_alias.live[0].function_version == "7" && length(aws_lambda_function_url.live) == 1
    error_message = "the alias must name the verified version"
  }

  assert {
    condition     = aws_lambda_function_url.live[0].invoke_mode == "BUFFERED" && aws_lambda_function.this.reserved_concurrent_executions == 20
    error_message = "the limit must reach the function"
  }
}

run "a_verified_function_without_a_url_has_an_alias_alone" {
  command = plan

  variables {
    common = {
      environment          = "preprod"
      region               = "us-east-1"
      images               = { orders = "registry/preprod-orders-lambda@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
      live_versions        = { orders = "7" }
      architecture         = "x86_64"
      permissions_boundary = "arn:aws:iam::111111111111:policy/preprod-function-boundary"
      log_retention_days   = 30
      alarm_actions        = []
    }
  }

  assert {
    condition     = length(aws_lambda_alias.live) == 1 && length(aws_lambda_function_url.live) == 0 && output.url == null
    error_message = "a function without url has no URL"
  }
}

run "what_the_boundary_allows_is_planned" {
  command = plan

  variables {
    variables = { TABLE = "orders" }
    secrets   = { API_KEY = "arn:aws:ssm:us-east-1:111111111111:parameter/preprod/key" }
    policies = {
      statements = [
        { actions = ["s3:GetObject", "s3:get*"], resources = ["arn:aws:s3:::orders/*", "arn:aws:s3:::orders/in/*"] },
        {
          actions    = ["s3:PutObject"], resources = ["arn:aws:s3:::orders/*"]
          conditions = [{ test = "StringEquals", variable = "s3:x-amz-acl", values = ["private"] }]
        },
      ]
    }
  }

  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      API_KEY = "arn:aws:ssm:us-east-1:111111111111:parameter/preprod/key", TABLE = "orders"
    })
    error_message = "a secret is given by its ARN"
  }

  assert {
    condition     = strcontains(aws_iam_role_policy.permissions[0].policy, "ssm:GetParameter")
    error_message = "the function may read its secret"
  }
}

run "an_action_outside_the_boundary_is_refused" {
  command         = plan
  expect_failures = [aws_iam_role.this]

  variables {
    policies = { statements = [{ actions = ["s3:PutObject"], resources = ["arn:aws:s3:::orders/*"] }] }
  }
}

run "a_wider_resource_than_that_of_the_boundary_is_refused" {
  command         = plan
  expect_failures = [aws_iam_role.this]

  variables {
    policies = { statements = [{ actions = ["s3:GetObject"], resources = ["arn:aws:s3:::orders*"] }] }
  }
}

run "a_secret_outside_the_boundary_is_refused" {
  command         = plan
  expect_failures = [aws_iam_role.this]

  variables {
    secrets = { KEY = "arn:aws:secretsmanager:us-east-1:111111111111:secret:preprod/key-AbCdEf" }
  }
}

run "a_managed_policy_outside_the_boundary_is_refused" {
  command         = plan
  expect_failures = [aws_iam_role.this]

  variables {
    policies = { managed = ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"] }
  }
}

run "a_vpc_and_tracing_outside_the_boundary_are_refused" {
  command         = plan
  expect_failures = [aws_iam_role.this]

  variables {
    tracing = "Active"
    vpc     = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
  }
}

run "an_open_url_without_a_limit_is_refused" {
  command         = plan
  expect_failures = [var.url]

  variables {
    url = { auth_type = "NONE" }
  }
}

run "a_name_without_an_image_is_refused" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = "ghost"
  }
}

run "a_name_that_terraform_or_ecr_cannot_take_is_refused" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name  = "Orders_API"
    image = "registry/preprod-orders-lambda@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  }
}

run "a_tag_is_refused_since_it_can_move" {
  command         = plan
  expect_failures = [var.image]

  variables {
    image = "registry/preprod-orders-lambda:latest"
  }
}

run "the_value_of_a_secret_is_refused" {
  command         = plan
  expect_failures = [var.secrets]

  variables {
    secrets = { API_KEY = "hunter2" }
  }
}

run "values_that_lambda_refuses_are_refused" {
  command = plan
  expect_failures = [
    var.memory_mb, var.timeout_seconds, var.ephemeral_storage_mb, var.tracing, var.reserved_concurrency, var.variables,
    var.vpc, var.policies,
  ]

  variables {
    memory_mb            = 100
    timeout_seconds      = 901
    ephemeral_storage_mb = 511
    tracing              = "On"
    reserved_concurrency = 0
    variables            = { AWS_LAMBDA_FUNCTION_NAME = "mine" }
    vpc                  = { subnet_ids = [], security_group_ids = ["sg-1"] }
    policies             = { managed = ["ReadOnlyAccess"] }
  }
}

run "a_function_without_a_url_is_planned_in_every_region" {
  command = plan

  variables {
    common = {
      environment          = "preprod"
      region               = "eu-south-2"
      images               = { orders = "registry/preprod-orders-lambda@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
      live_versions        = {}
      architecture         = "x86_64"
      permissions_boundary = "arn:aws:iam::111111111111:policy/preprod-function-boundary"
      log_retention_days   = 30
      alarm_actions        = []
    }
  }
}

run "a_url_is_refused_where_lambda_has_none" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    url = { auth_type = "AWS_IAM" }
    common = {
      environment          = "preprod"
      region               = "eu-south-2"
      images               = { orders = "registry/preprod-orders-lambda@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
      live_versions        = {}
      architecture         = "x86_64"
      permissions_boundary = "arn:aws:iam::111111111111:policy/preprod-function-boundary"
      log_retention_days   = 30
      alarm_actions        = []
    }
  }
}
