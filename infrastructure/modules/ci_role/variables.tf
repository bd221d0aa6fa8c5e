# infrastructure/foundation/variables.tf describes and validates the attributes of both objects.
variable "environment" {
  description = "The environment of the role. Its name prefixes everything that the role may change."
  type        = object({ name = string, account = string, region = string })
  nullable    = false
}

variable "images" {
  description = "Image names. The function of an image is <environment>-<image>."
  type        = set(string)
  nullable    = false
}

variable "github" {
  description = "The GitHub repository whose jobs may assume the role, and the environments that promote from this one."
  type = object({
    repository           = string
    owner_id             = string
    repository_id        = string
    default_branch       = string
    promotes_to          = set(string)
    signers              = optional(set(string), [])
    pull_requests        = optional(bool, false)
    create_oidc_provider = bool
  })
  nullable = false
}

variable "state_bucket_arn" {
  description = "ARN of the S3 bucket that holds the Terraform state."
  type        = string
  nullable    = false
}

variable "state_kms_key" {
  description = "ARN of the KMS key that encrypts the state; empty: no such key."
  type        = string
  default     = ""
  nullable    = false
}

variable "signing_key_arn" {
  description = "ARN of the KMS key with which the jobs of `github.signers` sign images; empty: no such key."
  type        = string
  default     = ""
  nullable    = false
}

variable "verification_keys" {
  description = "KMS keys that verify signatures: ARNs of keys or aliases, or IDs or aliases of keys of this account."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "boundary_arn" {
  description = "ARN of the permissions boundary that every role created by the CI role must have."
  type        = string
  nullable    = false
}

variable "permissions" {
  description = "What the jobs may do beside a deploy: attach managed policies to functions' roles, and statements."
  type = object({
    managed = optional(set(string), [])
    jobs = optional(list(object({
      actions    = set(string)
      resources  = set(string)
      conditions = optional(list(object({ test = string, variable = string, values = set(string) })), [])
    })), [])
  })
  default  = {}
  nullable = false
}
