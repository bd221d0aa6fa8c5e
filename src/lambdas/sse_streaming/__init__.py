"""The Lambda function that we ship: it streams Server-Sent Events through a Function URL."""
