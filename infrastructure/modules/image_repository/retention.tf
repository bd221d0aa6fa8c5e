# Lambda fetches an image again from time to time. If the image of a version has expired, that version stops
# (ImageDeleted). ECR does not know the functions. Therefore an image gets a tag `keep-...` before it is applied,
# which only `invoke prune` removes, and a tag `release-...` at its release, which nothing removes.
#
# ECR user guide, "Lifecycle policy evaluation rules": an image that matches the tagging of a rule cannot be expired
# by a rule with a higher number. Rules 1 to 4 protect images this way and expire nothing. They are separate rules
# because a tagPatternList matches only images that carry all its tags. An attestation (SBOM, provenance) is an image to
# these rules, so each has a tag `sha256-...`. ECR deletes it within 24 hours after its image (user guide,
# "Automate the cleanup of images by using lifecycle policies"), and `invoke prune` before that.
# tests/unit/infrastructure/test_retention.py evaluates this policy as the guide describes, over random histories.
resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name

  # Decode and encode: ECR and Terraform compare the text.
  policy = jsonencode(jsondecode(templatefile("${path.module}/retention.json.tftpl", {
    # ECR's quota of images in a repository (user guide, "Amazon ECR service quotas"), which no count can exceed.
    never_reached   = 100000
    retained_images = var.retained_images
  })))
}
