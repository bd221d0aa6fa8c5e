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

run "pages_of_a_named_origin_may_read_the_streams" {
  command = plan

  variables {
    live_versions = { sse-streaming = "1" }
    cors          = { allow_origins = ["https://www.example.com"], max_age_seconds = 600 }
  }
}

run "an_origin_with_a_path_is_refused" {
  command         = plan
  expect_failures = [var.cors]

  variables {
    cors = { allow_origins = ["https://www.example.com/page"] }
  }
}

run "credentials_for_every_origin_are_refused" {
  command         = plan
  expect_failures = [var.cors]

  variables {
    cors = { allow_origins = ["*"], allow_credentials = true }
  }
}

run "an_unverified_function_has_no_alias_and_no_url" {
  command = plan

  assert {
    condition     = output.functions["sse-streaming"].url == null && output.functions["sse-streaming"].alias == "live"
    error_message = "nobody may call a version that was not verified"
  }

  assert {
    condition     = output.functions["sse-streaming"].alias_arn == null
    error_message = "a trigger may not exist before the alias"
  }
}

run "an_image_without_a_function_is_refused" {
  command         = plan
  expect_failures = [output.functions]

  variables {
    images = {
      sse-streaming = "registry/preprod-sse-streaming-lambda@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      orders        = "registry/preprod-orders-lambda@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    }
  }
}
