variable "environment" {
  description = "Environment name: the prefix of everything the role may touch, and the GitHub environment whose jobs may take it."
  type        = string
  nullable    = false
}

variable "account" {
  description = "AWS account (12 digits) of the environment."
  type        = string
  nullable    = false
}

variable "region" {
  description = "AWS region of the environment."
  type        = string
  nullable    = false
}

variable "github_repository" {
  description = "The only GitHub repository whose jobs may take the role, OWNER/NAME."
  type        = string
  nullable    = false

  # A wildcard here would let other repositories in.
  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository must be OWNER/NAME, without wildcards."
  }
}

variable "promotes_to" {
  description = "Environments whose jobs may read what is live here, to promote it; empty: no reader role."
  type        = set(string)
  nullable    = false
}

variable "create_oidc_provider" {
  description = "Whether to make GitHub's OIDC provider; false where the account has it (it takes one of each URL)."
  type        = bool
  nullable    = false
}

variable "state_bucket_arn" {
  description = "ARN of the S3 bucket that holds the Terraform state."
  type        = string
  nullable    = false
}

variable "boundary_arn" {
  description = "ARN of the permissions boundary that every role made by the CI role must have."
  type        = string
  nullable    = false
}
