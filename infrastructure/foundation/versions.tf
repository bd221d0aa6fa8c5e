terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # `invoke` passes bucket, region and key, which follow from invoke.yaml: a backend block cannot read variables.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region

  # Credentials of another account stop the plan before anything is read or changed there.
  allowed_account_ids = [var.account]

  default_tags {
    tags = {
      Project     = "sse-streaming"
      Environment = var.environment
      ManagedBy   = "terraform"
    }
  }
}
