# Creates the CI role and GitHub's OIDC provider (add create_oidc_provider = false if the account has the provider).
# github_repository    = "OWNER/NAME"
# github_owner_id      = "..." # both numbers for a repository made, renamed or moved since 15 July 2026
# github_repository_id = "..." # see docs/github.md
# signers              = ["preprod"] # a KMS key that the jobs of preprod sign with: docs/supply-chain.md
pull_requests = true # everyone who can push a branch can read this environment with the reader role
