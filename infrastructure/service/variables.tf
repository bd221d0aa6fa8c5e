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

variable "images" {
  description = "Image name (bake target) => the pushed image, repository@sha256:…"
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for uri in values(var.images) : can(regex("^[^@]+@sha256:[0-9a-f]{64}$", uri))])
    error_message = "every image must be repository@sha256:…; a tag can move."
  }
}

variable "live_versions" {
  description = "Image name => the verified version that is, or becomes, live. Others get no alias, URL or trigger yet."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "architecture" {
  description = "Instruction set of the images: x86_64 (linux/amd64) or arm64 (linux/arm64)."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64."
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

# Each connected client of a stream holds one concurrent execution as long as it lasts; docs/aws.md has the costs.
variable "reserved_concurrent_executions" {
  description = "Largest number of invocations of a function with a URL at a time, a share of the account's limit. -1: only that."
  type        = number
  default     = -1
  nullable    = false

  validation {
    condition     = contains(concat([-1], range(1, 1001)), var.reserved_concurrent_executions)
    error_message = "reserved_concurrent_executions must be a whole number from 1 to 1000, or -1; 0 stops the function."
  }

  # Everyone can open streams at an open URL, and the account pays for each stream.
  validation {
    condition     = var.function_url_auth_type != "NONE" || var.reserved_concurrent_executions > 0
    error_message = "An open Function URL (NONE) needs a limit: set reserved_concurrent_executions."
  }
}

variable "log_retention_days" {
  description = "Days until CloudWatch Logs deletes a log entry; one of the periods that it offers."
  type        = number
  default     = 30
  nullable    = false

  # CloudWatch Logs API, PutRetentionPolicy, retentionInDays. Without 0 (for ever), which only adds cost.
  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.log_retention_days,
    )
    error_message = "log_retention_days must be a period that CloudWatch Logs offers: 1, 3, 5, 7, 14, 30, 60, 90 …"
  }
}

variable "alarm_actions" {
  description = "ARNs that AWS notifies when an alarm starts or ends, such as an SNS topic. Empty: nobody is notified."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_actions : startswith(arn, "arn:")])
    error_message = "alarm_actions must be ARNs."
  }
}
