output "functions" {
  description = "Image name => {function_name, alias, alias_arn, role_name, url} of the function that runs it."
  value       = local.functions

  # Without this check, Terraform would silently ignore an image that no module block runs.
  precondition {
    condition     = length(local.without_function) == 0
    error_message = "No function runs ${join(", ", local.without_function)}: add a module block, and its line to local.functions in main.tf."
  }
}
