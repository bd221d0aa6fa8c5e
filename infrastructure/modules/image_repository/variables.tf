# infrastructure/foundation/variables.tf describes and validates the attributes of `environment`, and `retained_images`.
variable "environment" {
  description = "The environment of the repository. Only the functions of its account and region may pull the images."
  type        = object({ name = string, account = string, region = string })
  nullable    = false
}

variable "image" {
  description = "Image name: a target of docker-bake.hcl."
  type        = string
  nullable    = false
}

variable "retained_images" {
  description = "Number of newest images that do not expire. Images that never expire count too."
  type        = number
  nullable    = false
}
