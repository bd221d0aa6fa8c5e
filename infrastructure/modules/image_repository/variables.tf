variable "name" {
  description = "Repository name, e.g. preprod-sse-streaming-lambda."
  type        = string
  nullable    = false
}

variable "account" {
  description = "AWS account (12 digits) whose functions may run these images."
  type        = string
  nullable    = false
}

variable "region" {
  description = "AWS region of those functions."
  type        = string
  nullable    = false
}

variable "keep_images" {
  description = "How many of the newest images to keep, those that never expire counted among them: what was deployed or released."
  type        = number
  nullable    = false
}
