output "function_name" {
  description = "Function name, <environment>-<name>."
  value       = aws_lambda_function.this.function_name
}

output "alias" {
  description = "Name of the alias that serves requests, also before it exists."
  value       = local.alias
}

# The text is known when Terraform plans, so that `count` of a trigger can depend on it.
output "alias_arn" {
  description = "ARN of the alias, for triggers and for others that invoke it; null before a version was verified."
  value       = local.connected ? "${aws_lambda_function.this.arn}:${local.alias}" : null
  depends_on  = [aws_lambda_alias.live]
}

output "role_name" {
  description = "Name of the function's role."
  value       = aws_iam_role.this.name
}

output "url" {
  description = "Function URL of the alias; null without one, and before a version was verified."
  value       = one(aws_lambda_function_url.live[*].function_url)
}
