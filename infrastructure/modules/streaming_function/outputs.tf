output "function_name" {
  description = "Function name."
  value       = aws_lambda_function.this.function_name
}

output "version" {
  description = "The newest published version. It serves requests once the alias names it."
  value       = aws_lambda_function.this.version
}

output "alias" {
  description = "Name of the alias that serves requests, also before it exists."
  value       = local.alias
}

output "url" {
  description = "Function URL of the alias; empty before the function is connected."
  value       = local.connected ? aws_lambda_function_url.live[0].function_url : ""
}

output "image_uri" {
  description = "The image of the newest version, repository@sha256:…"
  value       = aws_lambda_function.this.image_uri
}
