# Only this machine can reach the URL, so curl needs no signature.
function_url_auth_type = "NONE"
log_retention_days     = 1
heartbeat_seconds      = 1
