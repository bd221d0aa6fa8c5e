# Lambda fetches an image again from time to time: expiring one that a version still runs stops that version
# (ImageDeleted). ECR knows nothing of functions, so before anything is applied its image gets a tag `keep-...`,
# which only `invoke prune` takes away, and a release a tag `release-...`, which nothing does.
#
# ECR user guide, "Lifecycle policy evaluation rules": an image that matches the tagging of a rule
# cannot be expired by a rule of a higher number. Rules 1 to 3 protect that way and expire nothing.
# Each is a rule of its own because a tagPatternList matches only images that carry all its tags.
# tests/unit/test_retention.py evaluates the file as that guide says, over random histories.
resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name

  # Decoded and encoded again: ECR and Terraform compare the text.
  policy = jsonencode(jsondecode(templatefile("${path.module}/retention.json.tftpl", {
    # ECR's quota of images in a repository (user guide, "Amazon ECR service quotas"): more cannot be there.
    never_reached = 100000
    keep_images   = var.keep_images
  })))
}
