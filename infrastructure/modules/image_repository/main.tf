data "aws_partition" "current" {}

locals {
  lambda = "arn:${data.aws_partition.current.partition}:lambda:${var.environment.region}:${var.environment.account}"
}

# No prevent_destroy: ECR refuses to delete a repository that holds images, and an empty repository may be deleted.
resource "aws_ecr_repository" "this" {
  name         = "${var.environment.name}-${var.image}-lambda"
  force_delete = false

  # Pushes move the tags `latest` and `buildcache`. Deploys use digests, which cannot move.
  image_tag_mutability = "MUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "AES256"
  }
}

# Without this policy, Lambda adds the same permission by itself, and the next plan shows an unplanned change.
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
      values   = ["${local.lambda}:function:*"]
    }
  }
}

resource "aws_ecr_repository_policy" "this" {
  repository = aws_ecr_repository.this.name
  policy     = data.aws_iam_policy_document.pull.json
}
