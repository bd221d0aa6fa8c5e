# Placeholder account: replace it here, in the bucket's name and in the other files of this environment.
environment  = "preprod"
account      = "111111111111"
region       = "us-east-1"
state_bucket = "sse-streaming-tfstate-preprod-111111111111"

# Makes the CI role and GitHub's OIDC provider (create_oidc_provider = false where the account has that already).
# github_repository = "OWNER/NAME"
promotes_to = ["prod"]
