environment  = "sandbox"
account      = "000000000000"
region       = "us-east-1"
state_bucket = "sse-streaming-tfstate-sandbox-000000000000"
