output "arn" {
  description = "ARN of the role; the GitHub environment's variable AWS_ROLE_ARN."
  value       = aws_iam_role.this.arn
}
