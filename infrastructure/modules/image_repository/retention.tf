# Lambda fetches an image again from time to time: expiring one that still serves stops its function
# (ImageDeleted). ECR knows nothing of functions, so the release step tags what serves `release-…`.
#
# ECR user guide, "Lifecycle policy evaluation rules": an image that matches the tagging of a rule
# cannot be expired by a rule of a higher number. Rules 1 and 2 protect that way and expire nothing.
# Each is a rule of its own because a tagPatternList matches only images that carry all its tags.
locals {
  # ECR's quota of images in a repository (user guide, "Amazon ECR service quotas"): more cannot be there.
  never_reached = 100000

  protected_tags = ["release-*", "buildcache"]

  protect = [for index, pattern in local.protected_tags : {
    rulePriority = index + 1
    description  = "never expire ${pattern}"
    selection = {
      tagStatus      = "tagged"
      tagPatternList = [pattern]
      countType      = "imageCountMoreThan"
      countNumber    = local.never_reached
    }
    action = { type = "expire" }
  }]

  expire = [
    {
      rulePriority = 10
      description  = "untagged: replaced by a newer push of the same tag"
      selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 14 }
      action       = { type = "expire" }
    },
    {
      rulePriority = 20
      description  = "keep the newest ${var.keep_images}"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = var.keep_images }
      action       = { type = "expire" }
    },
  ]
}

resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name
  policy     = jsonencode({ rules = concat(local.protect, local.expire) })
}
