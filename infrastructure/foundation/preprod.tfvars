# Makes the CI role and GitHub's OIDC provider (create_oidc_provider = false where the account has that already).
# github_repository = "OWNER/NAME"
promotes_to = ["prod"]
