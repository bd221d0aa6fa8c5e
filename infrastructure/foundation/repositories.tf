module "image_repository" {
  source   = "../modules/image_repository"
  for_each = var.images

  environment     = local.environment
  image           = each.key
  retained_images = var.retained_images
}
