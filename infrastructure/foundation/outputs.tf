output "repositories" {
  description = "Image name => {name, arn, url} of its ECR repository."
  value       = module.image_repository
}

output "state_bucket" {
  description = "Name of the S3 bucket that holds this environment's Terraform state."
  value       = aws_s3_bucket.state.id
}

output "ci_role" {
  description = "ARN of the CI role, the GitHub repository's variable <ENVIRONMENT>_ROLE_ARN; empty without github_repository."
  value       = try(module.ci_role[0].arn, "")
}

output "reader_role" {
  description = "ARN of the role of promotions, the GitHub repository's variable <ENVIRONMENT>_READER_ROLE_ARN; empty without promotes_to."
  value       = try(module.ci_role[0].reader_arn, "")
}
