"""The release: verify a version, shift requests to it, make it live, record it."""
