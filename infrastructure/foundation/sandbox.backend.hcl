bucket = "sse-streaming-tfstate-sandbox-000000000000"
region = "us-east-1"
