"""The domain of a region of AWS."""

from delivery.aws import session


def registry(account: str, region: str) -> str:
    """The host of an account's ECR registry. Raises ConfigurationError for a region of no partition.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html; China and the sovereign cloud of the EU have
    domains of their own.
    """
    return f"{account}.dkr.ecr.{region}.{session.dns_suffix(region)}"
