# Placeholder account: replace it here, in the bucket's name and in the other files of this environment.
environment  = "prod"
account      = "222222222222"
region       = "us-east-1"
state_bucket = "sse-streaming-tfstate-prod-222222222222"

# Makes the CI role and GitHub's OIDC provider (create_oidc_provider = false where the account has that already).
# github_repository = "OWNER/NAME"
