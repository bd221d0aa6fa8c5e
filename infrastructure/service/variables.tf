variable "environment" {
  description = "Environment name; prefix of every function."
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

variable "images" {
  description = "Image name (bake target) => the published image, repository@sha256:…"
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for uri in values(var.images) : can(regex("^[^@]+@sha256:[0-9a-f]{64}$", uri))])
    error_message = "every image must be repository@sha256:…; a tag can move."
  }
}

variable "commit" {
  description = "Git commit the images were built from; becomes the description of the published version."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-zA-Z._+-]{1,100}$", var.commit))
    error_message = "commit must be 1 to 100 letters, digits, dots, underscores, plus signs or hyphens."
  }
}

variable "architecture" {
  description = "Instruction set the images were built for: x86_64 (linux/amd64) or arm64 (linux/arm64)."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64."
  }
}

variable "memory_mb" {
  description = "Function memory in MB; CPU grows with it (AWS Lambda: 128 to 10240)."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "memory_mb must be a whole number from 128 to 10240."
  }
}

# A stream ends itself after two minutes at most; what still runs a minute later hangs, and is billed.
variable "timeout_seconds" {
  description = "Seconds after which Lambda kills an invocation (AWS Lambda: at most 900)."
  type        = number
  default     = 180
  nullable    = false

  validation {
    condition     = var.timeout_seconds >= 10 && var.timeout_seconds <= 900 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds must be a whole number from 10 to 900; a stream ends itself 5 seconds before it."
  }
}

variable "heartbeat_seconds" {
  description = "Seconds between two heartbeats of a stream that did not ask for an interval of its own."
  type        = number
  default     = 15
  nullable    = false

  validation {
    condition     = var.heartbeat_seconds >= 0.05 && var.heartbeat_seconds <= 60
    error_message = "heartbeat_seconds must be from 0.05 to 60."
  }
}

variable "function_url_auth_type" {
  description = "Who may call the Function URLs: AWS_IAM (signed requests only) or NONE (everybody)."
  type        = string
  default     = "AWS_IAM"
  nullable    = false

  validation {
    condition     = contains(["AWS_IAM", "NONE"], var.function_url_auth_type)
    error_message = "function_url_auth_type must be AWS_IAM or NONE."
  }
}

variable "log_retention_days" {
  description = "Days CloudWatch Logs keeps the functions' logs; one of the periods it offers."
  type        = number
  default     = 30
  nullable    = false

  # PutRetentionPolicy, retentionInDays. 0 (for ever) is left out on purpose: it only costs.
  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.log_retention_days,
    )
    error_message = "log_retention_days must be a period CloudWatch Logs offers: 1, 3, 5, 7, 14, 30, 60, 90, 180, 365 …"
  }
}

variable "alarm_actions" {
  description = "ARNs told when an alarm starts and when it ends, e.g. an SNS topic; empty: alarms are only shown."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_actions : startswith(arn, "arn:")])
    error_message = "alarm_actions must be ARNs."
  }
}
