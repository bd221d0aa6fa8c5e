# The `sub` and `ref` claims that each role trusts, for both forms of GitHub's tokens. Nothing is created and AWS is not called.
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = data.aws_iam_openid_connect_provider.github
  values = { arn = "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com" }
}

variables {
  images           = ["sse-streaming"]
  environment      = { name = "preprod", account = "111111111111", region = "us-east-1" }
  state_bucket_arn = "arn:aws:s3:::state"
  boundary_arn     = "arn:aws:iam::111111111111:policy/boundary"
}

run "a_repository_without_numbers" {
  command = plan

  variables {
    github = {
      repository           = "Owner/name"
      owner_id             = ""
      repository_id        = ""
      default_branch       = "trunk"
      promotes_to          = ["prod", "other"]
      create_oidc_provider = false
    }
  }

  assert {
    condition = jsondecode(data.aws_iam_policy_document.trust["delivery"].json).Statement[0].Condition == {
      StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:ref" = "refs/heads/trunk"
        "token.actions.githubusercontent.com:sub" = "repo:Owner/name:environment:preprod"
      }
    }
    error_message = data.aws_iam_policy_document.trust["delivery"].json
  }

  assert {
    condition = jsonencode(jsondecode(data.aws_iam_policy_document.trust["reader"].json).Statement[0].Condition.StringEquals) == jsonencode({
      "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
      "token.actions.githubusercontent.com:ref" = "refs/heads/trunk"
      "token.actions.githubusercontent.com:sub" = ["repo:Owner/name:environment:other", "repo:Owner/name:environment:prod"]
    })
    error_message = data.aws_iam_policy_document.trust["reader"].json
  }
}

run "a_repository_with_numbers" {
  command = plan

  variables {
    github = {
      repository           = "Owner/name"
      owner_id             = "12"
      repository_id        = "345"
      default_branch       = "trunk"
      promotes_to          = ["prod"]
      create_oidc_provider = false
    }
  }

  assert {
    condition = alltrue([
      for role in ["delivery", "reader"] :
      jsondecode(data.aws_iam_policy_document.trust[role].json).Statement[0].Condition == {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:ref" = "refs/heads/trunk"
          "token.actions.githubusercontent.com:sub" = "repo:Owner@12/name@345:environment:${role == "reader" ? "prod" : "preprod"}"
        }
      }
    ])
    error_message = data.aws_iam_policy_document.trust["reader"].json
  }
}

run "pull_requests_without_a_promotion" {
  command = plan

  variables {
    github = {
      repository           = "Owner/name"
      owner_id             = "12"
      repository_id        = "345"
      default_branch       = "trunk"
      promotes_to          = []
      pull_requests        = true
      create_oidc_provider = false
    }
  }

  assert {
    condition = [for each in jsondecode(data.aws_iam_policy_document.trust["reader"].json).Statement : each.Condition] == [{
      StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub" = "repo:Owner@12/name@345:pull_request"
      }
      StringLike = { "token.actions.githubusercontent.com:ref" = "refs/pull/*/merge" }
    }]
    error_message = data.aws_iam_policy_document.trust["reader"].json
  }

  assert {
    condition     = length(jsondecode(data.aws_iam_policy_document.trust["delivery"].json).Statement) == 1
    error_message = "no pull request deploys"
  }
}

run "neither_promotions_nor_pull_requests" {
  command = plan

  variables {
    github = {
      repository           = "Owner/name"
      owner_id             = ""
      repository_id        = ""
      default_branch       = "trunk"
      promotes_to          = []
      create_oidc_provider = false
    }
  }

  assert {
    condition     = length(aws_iam_role.reader) == 0
    error_message = "nobody needs the reader"
  }
}

# Both forms of `sub`: those of repositories without and with numbers.
run "a_signer_without_numbers" {
  command = plan

  variables {
    signing_key_arn = "arn:aws:kms:us-east-1:111111111111:key/1234"
    github = {
      repository           = "Owner/name"
      owner_id             = ""
      repository_id        = ""
      default_branch       = "trunk"
      promotes_to          = []
      signers              = ["dev", "preprod"]
      create_oidc_provider = false
    }
  }

  assert {
    condition = jsonencode([for each in jsondecode(data.aws_iam_policy_document.trust["signer"].json).Statement : each.Condition]) == jsonencode([{
      StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:ref" = "refs/heads/trunk"
        "token.actions.githubusercontent.com:sub" = ["repo:Owner/name:environment:dev", "repo:Owner/name:environment:preprod"]
      }
    }])
    error_message = data.aws_iam_policy_document.trust["signer"].json
  }
}

run "a_signer_with_numbers" {
  command = plan

  variables {
    signing_key_arn = "arn:aws:kms:us-east-1:111111111111:key/1234"
    github = {
      repository           = "Owner/name"
      owner_id             = "12"
      repository_id        = "345"
      default_branch       = "trunk"
      promotes_to          = []
      signers              = ["preprod"]
      pull_requests        = true
      create_oidc_provider = false
    }
  }

  assert {
    condition = [for each in jsondecode(data.aws_iam_policy_document.trust["signer"].json).Statement : each.Condition] == [{
      StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:ref" = "refs/heads/trunk"
        "token.actions.githubusercontent.com:sub" = "repo:Owner@12/name@345:environment:preprod"
      }
    }]
    error_message = "no pull request and no other branch signs: ${data.aws_iam_policy_document.trust["signer"].json}"
  }

  assert {
    condition     = jsondecode(data.aws_iam_policy_document.signing[0].json).Statement[0].Resource == "arn:aws:kms:us-east-1:111111111111:key/1234"
    error_message = "one key"
  }
}

run "without_signers_there_is_no_signer" {
  command = plan

  variables {
    verification_keys = ["alias/images", "1234-56", "arn:aws:kms:eu-west-1:222222222222:alias/images", "arn:aws:kms:eu-west-1:333333333333:key/78"]
    github = {
      repository           = "Owner/name"
      owner_id             = ""
      repository_id        = ""
      default_branch       = "trunk"
      promotes_to          = []
      create_oidc_provider = false
    }
  }

  assert {
    condition     = length(aws_iam_role.signer) == 0 && length(aws_iam_role_policy.signing) == 0
    error_message = "nobody signs"
  }

  assert {
    condition = toset(jsondecode(data.aws_iam_policy_document.verification[0].json).Statement[0].Resource) == toset([
      "arn:aws:kms:us-east-1:111111111111:key/*",
      "arn:aws:kms:us-east-1:111111111111:key/1234-56",
      "arn:aws:kms:eu-west-1:222222222222:key/*",
      "arn:aws:kms:eu-west-1:333333333333:key/78",
    ])
    error_message = data.aws_iam_policy_document.verification[0].json
  }
}
