bucket = "sse-streaming-tfstate-prod-222222222222"
region = "us-east-1"
