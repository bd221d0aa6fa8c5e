variable "common" {
  description = "What all functions of an environment share: local.common of infrastructure/service."
  type = object({
    environment          = string
    region               = string
    images               = map(string)
    live_versions        = map(string)
    architecture         = string
    permissions_boundary = string
    log_retention_days   = number
    alarm_actions        = set(string)
  })
  nullable = false
}

variable "name" {
  description = "Name of the bake target, such as orders-api. Function, role and alarms are <environment>-<name>."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name))
    error_message = "name must be lower-case letters and digits, joined by single hyphens, and begin with a letter."
  }

  # Lambda API, CreateFunction, FunctionName; IAM API, CreateRole, RoleName.
  validation {
    condition     = length("${var.common.environment}-${var.name}") <= 64
    error_message = "${var.common.environment}-${var.name} has more than 64 characters: choose a shorter name."
  }

  validation {
    condition     = var.image != null || contains(keys(var.common.images), var.name)
    error_message = "No image is named ${var.name}: docker-bake.hcl has ${join(", ", keys(var.common.images))}."
  }

  validation {
    condition     = can(regex("^[0-9]*$", lookup(var.common.live_versions, var.name, "")))
    error_message = "live_versions must have the number of a version of ${var.name}."
  }
}

variable "image" {
  description = "The pushed image, repository@sha256:…; null: that of the bake target `name`."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("^[^@]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must be repository@sha256:…; a tag can move."
  }
}

variable "description" {
  description = "Description of the function, for people."
  type        = string
  default     = ""
  nullable    = false
}

variable "memory_mb" {
  description = "Memory of the function in MB, 128 to 10240 (AWS Lambda). CPU grows with memory."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "memory_mb must be a whole number from 128 to 10240."
  }
}

variable "timeout_seconds" {
  description = "Seconds after which Lambda kills an invocation, at most 900 (AWS Lambda)."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains(range(1, 901), var.timeout_seconds)
    error_message = "timeout_seconds must be a whole number from 1 to 900."
  }
}

variable "variables" {
  description = "Environment variables. A secret does not belong here: its value would stand in the state."
  type        = map(string)
  default     = {}
  nullable    = false

  # Lambda guide, "Working with Lambda environment variables".
  validation {
    condition     = alltrue([for name in keys(var.variables) : can(regex("^[a-zA-Z][a-zA-Z0-9_]+$", name))])
    error_message = "variables must have names of two or more letters, digits or underscores, beginning with a letter."
  }

  validation {
    condition     = alltrue([for name in keys(var.variables) : !can(regex("^(AWS_LAMBDA_|_HANDLER$)", name))])
    error_message = "variables must not be named _HANDLER or AWS_LAMBDA_…: Lambda sets these itself."
  }
}

variable "secrets" {
  description = "Environment variable => ARN of an SSM parameter or of a secret. The function may read the value."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for arn in values(var.secrets) :
      can(regex("^arn:[a-z-]+:(ssm:[a-z0-9-]+:[0-9]{12}:parameter/|secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)[^*?]+$", arn))
    ])
    error_message = "secrets must be ARNs of SSM parameters (…:parameter/NAME) or of Secrets Manager (…:secret:NAME)."
  }

  validation {
    condition     = length(setintersection(keys(var.secrets), keys(var.variables))) == 0
    error_message = "These names stand in both variables and secrets: ${join(", ", setintersection(keys(var.secrets), keys(var.variables)))}."
  }

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^[a-zA-Z][a-zA-Z0-9_]+$", name))])
    error_message = "secrets must have names of two or more letters, digits or underscores, beginning with a letter."
  }
}

variable "policies" {
  description = "Permissions of the function: ARNs of managed policies, and statements. The boundary must allow them."
  type = object({
    managed = optional(set(string), [])
    statements = optional(list(object({
      actions    = set(string)
      resources  = set(string)
      conditions = optional(list(object({ test = string, variable = string, values = set(string) })), [])
    })), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for arn in var.policies.managed : can(regex("^arn:[a-z-]+:iam::[0-9a-z]*:policy/.+$", arn))])
    error_message = "policies.managed must be ARNs of managed policies, arn:…:iam::…:policy/NAME."
  }

  validation {
    condition = alltrue([
      for statement in var.policies.statements : length(statement.actions) > 0 && length(statement.resources) > 0
    ])
    error_message = "Each of policies.statements must have actions and resources."
  }
}

variable "vpc" {
  description = "Subnets and security groups of the function; null: it is in no VPC of yours."
  type        = object({ subnet_ids = set(string), security_group_ids = set(string) })
  default     = null

  validation {
    condition     = var.vpc == null || try(length(var.vpc.subnet_ids) > 0 && length(var.vpc.security_group_ids) > 0, false)
    error_message = "vpc must have subnet_ids and security_group_ids, at least one of each."
  }
}

variable "ephemeral_storage_mb" {
  description = "Size of /tmp in MB, 512 to 10240 (AWS Lambda)."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.ephemeral_storage_mb >= 512 && var.ephemeral_storage_mb <= 10240 && floor(var.ephemeral_storage_mb) == var.ephemeral_storage_mb
    error_message = "ephemeral_storage_mb must be a whole number from 512 to 10240."
  }
}

variable "tracing" {
  description = "X-Ray: Active samples and traces invocations; PassThrough follows the caller."
  type        = string
  default     = "PassThrough"
  nullable    = false

  validation {
    condition     = contains(["Active", "PassThrough"], var.tracing)
    error_message = "tracing must be Active or PassThrough."
  }
}

variable "reserved_concurrency" {
  description = "Largest number of invocations at a time, a share of the account's limit. -1: only that limit holds."
  type        = number
  default     = -1
  nullable    = false

  validation {
    condition     = var.reserved_concurrency == -1 || (var.reserved_concurrency >= 1 && floor(var.reserved_concurrency) == var.reserved_concurrency)
    error_message = "reserved_concurrency must be a whole number, 1 or more, or -1; 0 would stop the function."
  }
}

variable "url" {
  description = "Function URL of the alias: who may call it, how it answers, and its CORS headers; null: no URL."
  type = object({
    auth_type   = optional(string, "AWS_IAM")
    invoke_mode = optional(string, "BUFFERED")
    cors = optional(object({
      allow_credentials = optional(bool, false)
      allow_headers     = optional(set(string), [])
      allow_methods     = optional(set(string), ["*"])
      allow_origins     = set(string)
      expose_headers    = optional(set(string), [])
      max_age_seconds   = optional(number, 0)
    }))
  })
  default = null

  validation {
    condition     = var.url == null || contains(["AWS_IAM", "NONE"], try(var.url.auth_type, ""))
    error_message = "url.auth_type must be AWS_IAM (signed requests only) or NONE (everybody)."
  }

  validation {
    condition     = var.url == null || contains(["BUFFERED", "RESPONSE_STREAM"], try(var.url.invoke_mode, ""))
    error_message = "url.invoke_mode must be BUFFERED or RESPONSE_STREAM."
  }

  # Everyone can call an open URL, and the account pays for each call.
  validation {
    condition     = try(var.url.auth_type, "") != "NONE" || var.reserved_concurrency > 0
    error_message = "An open Function URL (NONE) of ${var.name} needs a limit: set reserved_concurrency."
  }
}
