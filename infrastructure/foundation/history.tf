# Every apply leaves an old version of the state, and every lock a deleted object. An old version is kept as long as
# somebody may have to return to it; the newest 20 are kept however old they are.
resource "aws_s3_bucket_lifecycle_configuration" "state" {
  count  = var.state_history_days == 0 ? 0 : 1
  bucket = aws_s3_bucket.state.id

  rule {
    id     = "expire-old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days           = var.state_history_days
      newer_noncurrent_versions = 20
    }

    # The marker of a lock that is gone, once all its versions have expired.
    expiration {
      expired_object_delete_marker = true
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  # Without versioning, S3 has no noncurrent versions to count.
  depends_on = [aws_s3_bucket_versioning.state]
}
