terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Bucket and region come from <environment>.backend.hcl: backends cannot read variables.
  backend "s3" {
    key          = "foundation.tfstate"
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
