output "repositories" {
  description = "Image name => {name, arn, url} of its ECR repository."
  value       = module.image_repository
}

output "state_bucket" {
  description = "Name of the S3 bucket that holds this environment's Terraform state."
  value       = aws_s3_bucket.state.id
}

output "ci_role" {
  description = "ARN of the CI role, for the GitHub variable <ENVIRONMENT>_ROLE_ARN; empty: no such role."
  value       = try(module.ci_role[0].arn, "")
}

output "reader_role" {
  description = "ARN of the reader role, for the GitHub variable <ENVIRONMENT>_READER_ROLE_ARN; empty: no such role."
  value       = try(module.ci_role[0].reader_arn, "")
}

output "signer_role" {
  description = "ARN of the role that signs, for the GitHub variable <ENVIRONMENT>_SIGNER_ROLE_ARN; empty: no such role."
  value       = try(module.ci_role[0].signer_arn, "")
}

output "signing_key" {
  description = "ARN of the alias of the key that signs, for build.sign_with of invoke.yaml; empty: no such key."
  value       = try(module.signing_key[0].alias_arn, "")
}
