terraform {
  # The root modules pin the versions.
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
