# A repository that was made before, or by a bootstrap that was cut off, is adopted. The block does nothing once the
# state contains the repository.
import {
  for_each = var.existing_images
  to       = module.image_repository[each.key].aws_ecr_repository.this
  id       = "${var.environment}-${each.key}-lambda"
}

module "image_repository" {
  source   = "../modules/image_repository"
  for_each = var.images

  environment     = local.environment
  image           = each.key
  retained_images = var.retained_images
}
