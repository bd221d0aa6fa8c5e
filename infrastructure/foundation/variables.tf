variable "environment" {
  description = "Environment name; prefix of every resource name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,15}$", var.environment))
    error_message = "environment must be 1 to 16 lower-case letters, digits or hyphens, starting with a letter."
  }
}

variable "account" {
  description = "AWS account of the environment, 12 digits. Terraform refuses credentials of another account."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "account must be 12 digits in quotes, because a number loses its leading zeros."
  }
}

variable "region" {
  description = "AWS region, such as us-east-1."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "region must be an AWS region code such as us-east-1."
  }
}

variable "state_bucket" {
  description = "S3 bucket that holds the Terraform state of this environment."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "state_bucket must be 3 to 63 lower-case letters, digits or hyphens (a dot breaks TLS host names)."
  }
}

variable "state_kms_key" {
  description = "ARN of a KMS key in the same region that encrypts the state. Empty: a key that S3 manages (AES256)."
  type        = string
  default     = ""
  nullable    = false

  # An alias or a short ID would be looked up in the account of the caller.
  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$", var.state_kms_key))
    error_message = "state_kms_key must be the ARN of a key (arn:…:kms:REGION:ACCOUNT:key/ID), not of an alias, or empty."
  }

  # S3 user guide, "Using server-side encryption with AWS KMS keys": the key is in the region of the bucket.
  validation {
    condition     = var.state_kms_key == "" || try(split(":", var.state_kms_key)[3], "") == var.region
    error_message = "state_kms_key must be a key in ${var.region}, the region of the bucket."
  }
}

variable "state_history_days" {
  description = "Days until S3 deletes an old version of the state, except for the newest 20. 0: none is deleted."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.state_history_days >= 0 && floor(var.state_history_days) == var.state_history_days
    error_message = "state_history_days must be a whole number, 0 or more."
  }
}

variable "images" {
  description = "Image names, the targets of docker-bake.hcl. Each gets the repository <environment>-<name>-lambda."
  type        = set(string)
  nullable    = false

  validation {
    condition     = alltrue([for name in var.images : can(regex("^[a-z0-9]+(-[a-z0-9]+)*$", name))])
    error_message = "images must be names of lower-case letters and digits, joined by single hyphens."
  }
}

variable "existing_images" {
  description = "Those of `images` whose repository exists already. The tasks look; Terraform adopts what it has not."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(setsubtract(var.existing_images, var.images)) == 0
    error_message = "existing_images must be among images."
  }
}

variable "retained_images" {
  description = "Number of newest images that do not expire. Deployed and released images never expire, but count."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.retained_images >= 1 && floor(var.retained_images) == var.retained_images
    error_message = "retained_images must be a whole number, 1 or more."
  }
}

variable "github_repository" {
  description = "GitHub repository, OWNER/NAME, whose jobs in <environment> may deploy. Empty: no CI role."
  type        = string
  default     = ""
  nullable    = false

  validation {
    # A wildcard would admit other repositories.
    condition     = can(regex("^([A-Za-z0-9-]+/[A-Za-z0-9._-]+)?$", var.github_repository))
    error_message = "github_repository must be OWNER/NAME, without wildcards, or empty."
  }
}

variable "github_owner_id" {
  description = "Number of the owner on GitHub. Repositories made, renamed or transferred since 15 July 2026 need it."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]*$", var.github_owner_id))
    error_message = "github_owner_id must be a number (see docs/github.md), or empty."
  }
}

variable "github_repository_id" {
  description = "Number of the repository on GitHub. A token has both numbers, or neither of them."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]*$", var.github_repository_id))
    error_message = "github_repository_id must be a number (see docs/github.md), or empty."
  }

  validation {
    condition     = (var.github_repository_id == "") == (var.github_owner_id == "")
    error_message = "Set both github_owner_id and github_repository_id, or neither of them."
  }
}

variable "default_branch" {
  description = "Branch of the GitHub repository whose jobs may deploy, git.default_branch of invoke.yaml."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^*?[:space:]]+$", var.default_branch)) && !startswith(var.default_branch, "refs/")
    error_message = "default_branch must be the name of one branch, without wildcards and without refs/heads/."
  }
}

variable "promotes_to" {
  description = "Environments that promote from this one. Their jobs may read the live version with a separate role."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.promotes_to : can(regex("^[a-z][a-z0-9-]{0,15}$", name))])
    error_message = "promotes_to must be names of environments: a wildcard would admit every job of the repository."
  }
}

variable "pull_requests" {
  description = "Whether jobs of pull requests may read this environment, for the comment; forks never. docs/github.md."
  type        = bool
  default     = false
  nullable    = false
}

variable "signers" {
  description = "Environments whose jobs may sign images with a KMS key and a role that this environment makes."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.signers : can(regex("^[a-z][a-z0-9-]{0,15}$", name))])
    error_message = "signers must be names of environments: a wildcard would admit every job of the repository."
  }

  validation {
    condition     = length(var.signers) == 0 || var.github_repository != ""
    error_message = "signers needs github_repository, whose jobs sign."
  }
}

variable "verifying_accounts" {
  description = "Other accounts that may verify with that key. The tasks look who requires it; KMS refuses an unknown one."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for account in var.verifying_accounts : can(regex("^[0-9]{12}$", account))])
    error_message = "verifying_accounts must be 12 digits each, in quotes."
  }
}

variable "verification_keys" {
  description = "KMS keys that the jobs may verify with: those in requires.signed_by of invoke.yaml, without awskms:///."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for key in var.verification_keys : can(regex("^(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/)?[A-Za-z0-9/_-]+$", key))
    ])
    error_message = "verification_keys must be ARNs of keys or aliases, or IDs or aliases of this account."
  }
}

variable "create_oidc_provider" {
  description = "Whether to create GitHub's OIDC provider; false if the account has it (one for each URL)."
  type        = bool
  default     = true
  nullable    = false
}

# An ARN has the words {account}, {region} and {environment} in place of these; docs/functions.md has examples.
variable "permissions" {
  description = "More permissions: of the functions (statements, managed policies), and of the jobs that deploy them."
  type = object({
    functions = optional(list(object({
      actions    = set(string)
      resources  = set(string)
      conditions = optional(list(object({ test = string, variable = string, values = set(string) })), [])
    })), [])
    managed = optional(set(string), [])
    jobs = optional(list(object({
      actions    = set(string)
      resources  = set(string)
      conditions = optional(list(object({ test = string, variable = string, values = set(string) })), [])
    })), [])
  })
  default  = {}
  nullable = false

  # With `*`, the boundary would be no limit, and a job could make itself an administrator.
  validation {
    condition = alltrue(flatten([
      for statement in concat(var.permissions.functions, var.permissions.jobs) :
      [for action in statement.actions : can(regex("^[a-z0-9-]+:[A-Za-z0-9*?]+$", action)) && !startswith(action, "iam:*")]
    ]))
    error_message = "Each action of permissions must be SERVICE:ACTION, such as s3:GetObject, and neither * nor iam:*."
  }

  validation {
    condition = alltrue([
      for statement in concat(var.permissions.functions, var.permissions.jobs) :
      length(statement.actions) > 0 && length(statement.resources) > 0
    ])
    error_message = "Each statement of permissions must have actions and resources."
  }

  validation {
    condition     = alltrue([for arn in var.permissions.managed : can(regex("^arn:[a-z-]+:iam::[0-9a-z{}]*:policy/.+$", arn))])
    error_message = "permissions.managed must be ARNs of managed policies, arn:…:iam::…:policy/NAME."
  }
}
