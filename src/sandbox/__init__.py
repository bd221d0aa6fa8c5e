"""A cloud on this machine: a Docker engine, an AWS emulator and base images. Knows nothing of delivery."""
