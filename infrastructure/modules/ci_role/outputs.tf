output "arn" {
  description = "ARN of the role that deploys."
  value       = aws_iam_role.this.arn
}

output "reader_arn" {
  description = "ARN of the role that reads; empty if no environment promotes from this one and no pull request reads it."
  value       = try(aws_iam_role.reader[0].arn, "")
}
