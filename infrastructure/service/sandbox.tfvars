# Only this machine can reach the URL, so curl needs no signature.
function_url_auth_type         = "NONE"
reserved_concurrent_executions = 50
log_retention_days             = 1
heartbeat_seconds              = 1
