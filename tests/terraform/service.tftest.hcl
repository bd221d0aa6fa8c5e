# The variables that infrastructure/service accepts and refuses, and when a function is connected. AWS is not called.
mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws-eusc", dns_suffix = "amazonaws.eu" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  environment = "preprod"
  account     = "111111111111"
  region      = "eusc-de-east-1"
  images = {
    sse-streaming = "registry/preprod-sse-streaming-lambda@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  }
}

run "an_open_url_without_a_limit_is_refused" {
  command         = plan
  expect_failures = [var.reserved_concurrent_executions]

  variables {
    function_url_auth_type = "NONE"
  }
}

run "an_open_url_with_a_limit_is_planned" {
  command = plan

  variables {
    function_url_auth_type         = "NONE"
    reserved_concurrent_executions = 20
  }
}

run "no_stream_at_all_is_refused" {
  command         = plan
  expect_failures = [var.reserved_concurrent_executions]

  variables {
    reserved_concurrent_executions = 0
  }
}

run "an_unverified_function_has_no_alias_and_no_url" {
  command = plan

  assert {
    condition     = output.functions["sse-streaming"].url == "" && output.functions["sse-streaming"].alias == "live"
    error_message = "nobody may call a version that was not verified"
  }
}

run "a_verified_version_is_connected" {
  command = plan

  module {
    source = "../modules/streaming_function"
  }

  variables {
    name                 = "preprod-sse-streaming"
    image_uri            = "registry/preprod-sse-streaming-lambda@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    live_version         = "7"
    permissions_boundary = "arn:aws:iam::111111111111:policy/boundary"
    settings = {
      architecture           = "x86_64"
      memory_mb              = 512
      concurrency            = 20
      timeout_seconds        = 180
      heartbeat_seconds      = 15
      function_url_auth_type = "NONE"
      log_retention_days     = 30
      alarm_actions          = []
    }
  }

  assert {
    condition     = aws_lambda_alias.live[0].function_version == "7" && length(aws_lambda_function_url.live) == 1
    error_message = "the alias must name the verified version"
  }

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == 20
    error_message = "the limit must reach the function"
  }
}
