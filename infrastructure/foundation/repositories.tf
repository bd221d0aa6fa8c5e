module "image_repository" {
  source   = "../modules/image_repository"
  for_each = var.images

  name        = "${var.environment}-${each.key}-lambda"
  account     = var.account
  region      = var.region
  keep_images = var.keep_images
}
