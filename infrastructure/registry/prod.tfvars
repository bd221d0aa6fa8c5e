# Placeholder account: replace it here, in the bucket's name and in the other files of this environment.
environment  = "prod"
account      = "222222222222"
region       = "us-east-1"
state_bucket = "sse-streaming-tfstate-prod-222222222222"
