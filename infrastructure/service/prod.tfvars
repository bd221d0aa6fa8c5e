# Placeholder account: replace it here, in the bucket's name and in the other files of this environment.
environment = "prod"
account     = "222222222222"
region      = "us-east-1"

log_retention_days = 90
