terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # The tasks pass bucket, region and key with -backend-config, because a backend block cannot read variables.
  # Without `encrypt`, which asks for AES256, the bucket decides: infrastructure/foundation sets its key.
  backend "s3" {
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region

  # With credentials of another account, the provider stops before it reads or changes anything.
  allowed_account_ids = [var.account]

  default_tags {
    tags = {
      Project     = "sse-streaming"
      Environment = var.environment
      ManagedBy   = "terraform"
    }
  }
}
