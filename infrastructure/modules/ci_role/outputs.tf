output "arn" {
  description = "ARN of the role that deploys."
  value       = aws_iam_role.this.arn
}

output "reader_arn" {
  description = "ARN of the role that reads the live version; empty if no environment promotes from this one."
  value       = try(aws_iam_role.reader[0].arn, "")
}
