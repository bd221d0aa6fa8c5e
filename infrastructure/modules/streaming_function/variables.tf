variable "name" {
  description = "Function name, e.g. preprod-sse-streaming; also names its role, log group and alarms."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9-_]{1,64}$", var.name))
    error_message = "name must be 1 to 64 letters, digits, hyphens or underscores."
  }
}

variable "image_uri" {
  description = "The published image, repository@sha256:…"
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^@]+@sha256:[0-9a-f]{64}$", var.image_uri))
    error_message = "image_uri must be repository@sha256:…; a tag can move."
  }
}

variable "commit" {
  description = "Git commit the image was built from."
  type        = string
  nullable    = false
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds what the function's role can ever be allowed."
  type        = string
  nullable    = false
}

variable "architecture" {
  description = "Instruction set of the image: x86_64 or arm64."
  type        = string
  nullable    = false
}

variable "memory_mb" {
  description = "Function memory in MB."
  type        = number
  nullable    = false
}

variable "timeout_seconds" {
  description = "Seconds after which Lambda kills an invocation."
  type        = number
  nullable    = false
}

variable "heartbeat_seconds" {
  description = "Seconds between two heartbeats of a stream that did not ask for an interval of its own."
  type        = number
  nullable    = false
}

variable "function_url_auth_type" {
  description = "Who may call the Function URL: AWS_IAM or NONE."
  type        = string
  nullable    = false
}

variable "log_retention_days" {
  description = "Days CloudWatch Logs keeps the function's log."
  type        = number
  nullable    = false
}

variable "alarm_actions" {
  description = "ARNs told when an alarm starts and when it ends."
  type        = set(string)
  nullable    = false
}
