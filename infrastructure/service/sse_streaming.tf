# The sample: a stream of Server-Sent Events. `invoke remove --name sse-streaming` removes it.
module "sse_streaming" {
  source = "../modules/image_function"
  common = local.common

  name                 = "sse-streaming"
  description          = "Server-Sent Events over a Function URL."
  memory_mb            = var.memory_mb
  timeout_seconds      = var.timeout_seconds
  reserved_concurrency = var.reserved_concurrent_executions

  url = { auth_type = var.function_url_auth_type, invoke_mode = "RESPONSE_STREAM", cors = var.cors }

  # infrastructure/foundation makes the table (feeds.tf) and lets functions read it. Without EVENTS_TABLE and the
  # statement, a stream has heartbeats only.
  variables = {
    EVENTS_TABLE      = "${var.environment}-sse-streaming-events"
    HEARTBEAT_SECONDS = tostring(var.heartbeat_seconds)
  }
  policies = {
    statements = [{
      actions   = ["dynamodb:Query"]
      resources = ["arn:${data.aws_partition.current.partition}:dynamodb:${var.region}:${var.account}:table/${var.environment}-sse-streaming-events"]
    }]
  }
}

variable "memory_mb" {
  description = "Memory of the function in MB, 128 to 10240 (AWS Lambda). CPU grows with memory."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "memory_mb must be a whole number from 128 to 10240."
  }
}

# Lambda answers preflight requests and adds the headers itself; the function knows nothing of them. A browser needs no
# CORS for a page that the function serves itself.
variable "cors" {
  description = "Pages of other origins that may read the streams in a browser; null: none. Without allow_methods, GET."
  type = object({
    allow_origins     = set(string)
    allow_credentials = optional(bool, false)
    allow_headers     = optional(set(string), [])
    allow_methods     = optional(set(string), ["GET"])
    expose_headers    = optional(set(string), [])
    max_age_seconds   = optional(number, 0)
  })
  default = null

  # Lambda API, Cors: AllowOrigins is "*" or origins such as https://www.example.com; MaxAge is at most a day.
  validation {
    condition     = var.cors == null || alltrue([for origin in try(var.cors.allow_origins, []) : can(regex("^(\\*|https?://[^/*,\\s]+)$", origin))])
    error_message = "cors.allow_origins must be \"*\" or origins such as https://www.example.com, without a path."
  }

  validation {
    condition     = var.cors == null || !try(var.cors.allow_credentials && contains(var.cors.allow_origins, "*"), false)
    error_message = "cors.allow_credentials needs origins by name: browsers refuse credentials for \"*\"."
  }

  validation {
    condition     = var.cors == null || try(var.cors.max_age_seconds >= 0 && var.cors.max_age_seconds <= 86400 && floor(var.cors.max_age_seconds) == var.cors.max_age_seconds, false)
    error_message = "cors.max_age_seconds must be a whole number from 0 to 86400."
  }
}

# A stream ends itself after at most two minutes. An invocation that still runs a minute later hangs, and AWS bills it.
variable "timeout_seconds" {
  description = "Seconds after which Lambda kills an invocation, at most 900 (AWS Lambda)."
  type        = number
  default     = 180
  nullable    = false

  validation {
    condition     = contains(range(10, 901), var.timeout_seconds)
    error_message = "timeout_seconds must be a whole number from 10 to 900; a stream ends itself 5 seconds before it."
  }
}

variable "heartbeat_seconds" {
  description = "Seconds between two heartbeats of a stream whose client requested no interval."
  type        = number
  default     = 15
  nullable    = false

  validation {
    condition     = var.heartbeat_seconds >= 0.05 && var.heartbeat_seconds <= 60
    error_message = "heartbeat_seconds must be from 0.05 to 60."
  }
}
