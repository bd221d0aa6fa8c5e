output "repositories" {
  description = "Image name => {name, arn, url} of its ECR repository."
  value       = module.image_repository
}

output "state_bucket" {
  description = "Name of the S3 bucket that holds this environment's Terraform state."
  value       = aws_s3_bucket.state.id
}
