bucket = "sse-streaming-tfstate-preprod-111111111111"
region = "us-east-1"
