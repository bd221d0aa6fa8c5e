"""The function that is shipped: a live event stream behind a Lambda Function URL."""
