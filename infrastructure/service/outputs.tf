output "functions" {
  description = "Image name => {function_name, version, alias, url, image_uri} of the function that runs it."
  value       = local.functions

  # An image that was built but that no block runs would otherwise be forgotten without a word.
  precondition {
    condition     = length(setsubtract(keys(var.images), keys(local.functions))) == 0
    error_message = "No function runs ${join(", ", setsubtract(keys(var.images), keys(local.functions)))}: add a module block to main.tf."
  }
}
