# Creates the CI role and GitHub's OIDC provider (add create_oidc_provider = false if the account has the provider).
# github_repository = "OWNER/NAME"
promotes_to = ["prod"]
