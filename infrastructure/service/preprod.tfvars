# Placeholder account: replace it here, in the bucket's name and in the other files of this environment.
environment = "preprod"
account     = "111111111111"
region      = "us-east-1"

log_retention_days = 14
