"""The clone that deploys, as in the integration tests."""

from clones import checkout, deployed

__all__ = ["checkout", "deployed"]
