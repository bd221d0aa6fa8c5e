# infrastructure/foundation/variables.tf describes and validates the attributes of `environment`.
variable "environment" {
  description = "The environment that trusts what the key signs, and in whose account the key is."
  type        = object({ name = string, account = string, region = string })
  nullable    = false
}

variable "signer_arn" {
  description = "ARN of the only role that may sign; it need not exist yet."
  type        = string
  nullable    = false
}

variable "verifying_accounts" {
  description = "Other accounts, 12 digits, whose policies of IAM may let roles verify signatures."
  type        = set(string)
  default     = []
  nullable    = false
}
