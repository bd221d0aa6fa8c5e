variable "environment" {
  description = "Environment name; prefix of every repository."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,15}$", var.environment))
    error_message = "environment must be 1 to 16 lower-case letters, digits or hyphens, starting with a letter."
  }
}

variable "account" {
  description = "The only AWS account (12 digits) this environment may be applied to."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "account must be 12 digits, in quotes: leading zeros count."
  }
}

variable "region" {
  description = "AWS region, e.g. us-east-1."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region code such as us-east-1."
  }
}

variable "state_bucket" {
  description = "S3 bucket that holds the Terraform state of this environment."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "state_bucket must be 3 to 63 lower-case letters, digits or hyphens (no dots: they break TLS host names)."
  }
}

variable "images" {
  description = "Image names: the targets of docker-bake.hcl, each of which gets the repository <environment>-<name>-lambda; `invoke bootstrap` passes them."
  type        = set(string)
  nullable    = false

  validation {
    condition     = alltrue([for name in var.images : can(regex("^[a-z0-9]+(-[a-z0-9]+)*$", name))])
    error_message = "images must be names of lower-case letters and digits, joined by single hyphens."
  }
}

variable "keep_images" {
  description = "How many of the newest images a repository keeps besides those that were deployed or released."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.keep_images >= 1 && floor(var.keep_images) == var.keep_images
    error_message = "keep_images must be a whole number, 1 or more."
  }
}

variable "github_repository" {
  description = "GitHub repository, OWNER/NAME, whose jobs in the GitHub environment <environment> may deliver; empty: no CI role."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([A-Za-z0-9-]+/[A-Za-z0-9._-]+)?$", var.github_repository))
    error_message = "github_repository must be OWNER/NAME, without wildcards, or empty."
  }
}

variable "promotes_to" {
  description = "Environments that take their images from this one: their jobs may read what is live here, by a role of its own."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.promotes_to : can(regex("^[a-z][a-z0-9-]{0,15}$", name))])
    error_message = "promotes_to must be names of environments: a wildcard would let every job of the repository in."
  }
}

variable "create_oidc_provider" {
  description = "Whether the CI role brings GitHub's OIDC provider along; false where the account has it already."
  type        = bool
  default     = true
  nullable    = false
}
