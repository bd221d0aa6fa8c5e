variable "environment" {
  description = "Environment name; the path of the function's role, /functions/<environment>/."
  type        = string
  nullable    = false
}

variable "name" {
  description = "Function name, such as preprod-sse-streaming; also the name of its role, log group and alarms."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9-_]{1,64}$", var.name))
    error_message = "name must be 1 to 64 letters, digits, hyphens or underscores."
  }
}

variable "image_uri" {
  description = "The pushed image, repository@sha256:…"
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^@]+@sha256:[0-9a-f]{64}$", var.image_uri))
    error_message = "image_uri must be repository@sha256:…; a tag can move."
  }
}

variable "live_version" {
  description = "The verified version that the alias names when it is made. Empty: no alias, no URL, no trigger."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]*$", var.live_version))
    error_message = "live_version must be the number of a version, or empty."
  }
}

variable "settings" {
  description = "Settings of the function. infrastructure/service/variables.tf describes and validates each."
  type = object({
    architecture           = string
    memory_mb              = number
    concurrency            = number
    timeout_seconds        = number
    heartbeat_seconds      = number
    function_url_auth_type = string
    log_retention_days     = number
    alarm_actions          = set(string)
  })
  nullable = false
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of the function's role."
  type        = string
  nullable    = false
}
