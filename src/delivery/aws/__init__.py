"""AWS: sessions, ECR, the registry's own API, Lambda, Function URLs, and a version's stream."""
