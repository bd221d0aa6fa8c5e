output "arn" {
  description = "ARN of the role that deploys."
  value       = aws_iam_role.this.arn
}

output "reader_arn" {
  description = "ARN of the role that reads; empty if no environment promotes from this one and no pull request reads it."
  value       = try(aws_iam_role.reader[0].arn, "")
}

output "signer_arn" {
  description = "ARN of the role that signs images; empty if no job signs with a key of this environment."
  value       = try(aws_iam_role.signer[0].arn, "")
}
