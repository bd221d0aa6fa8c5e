# Reachable from this machine only, so that curl alone can watch the stream.
function_url_auth_type = "NONE"
log_retention_days     = 1
heartbeat_seconds      = 1
