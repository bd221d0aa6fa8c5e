output "function_name" {
  description = "Function name."
  value       = aws_lambda_function.this.function_name
}

output "alias" {
  description = "Name of the alias that serves requests, also before it exists."
  value       = local.alias
}

output "url" {
  description = "Function URL of the alias; empty before the function is connected."
  value       = local.connected ? aws_lambda_function_url.live[0].function_url : ""
}
