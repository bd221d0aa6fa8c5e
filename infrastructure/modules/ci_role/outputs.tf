output "arn" {
  description = "ARN of the role that ships."
  value       = aws_iam_role.this.arn
}

output "reader_arn" {
  description = "ARN of the role that only reads what is live; empty where nobody promotes from here."
  value       = try(aws_iam_role.reader[0].arn, "")
}
