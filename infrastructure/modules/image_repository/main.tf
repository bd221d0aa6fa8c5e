data "aws_partition" "current" {}

# No prevent_destroy: ECR itself refuses to delete a repository that still holds images, and a
# repository nobody ever pushed to may go.
resource "aws_ecr_repository" "this" {
  name         = var.name
  force_delete = false

  # `latest` moves and the build cache is overwritten; deployments name digests, which cannot move.
  image_tag_mutability = "MUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "AES256"
  }
}

# Without this Lambda writes the same permission into the policy by itself, as a change nobody planned.
# Source: AWS Lambda guide, "Create a function using a container image", Amazon ECR permissions.
data "aws_iam_policy_document" "pull" {
  statement {
    sid     = "LambdaPullsImages"
    actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    condition {
      test     = "StringLike"
      variable = "aws:sourceArn"
      values   = ["arn:${data.aws_partition.current.partition}:lambda:${var.region}:${var.account}:function:*"]
    }
  }
}

resource "aws_ecr_repository_policy" "this" {
  repository = aws_ecr_repository.this.name
  policy     = data.aws_iam_policy_document.pull.json
}
