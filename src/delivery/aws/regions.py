"""The regions of AWS: their domain, and whether Lambda has Function URLs there."""

from delivery.aws import session
from delivery.errors import RefusedError
from delivery.settings import FILE, Environment

# Lambda guide, "Creating and managing Lambda function URLs", its first note, read in November 2026:
# https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html
WITHOUT_FUNCTION_URLS = frozenset(
    {
        "ap-east-2",
        "ap-south-2",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-west-1",
        "eu-central-2",
        "eu-south-2",
        "il-central-1",
        "me-central-1",
    }
)


def registry(account: str, region: str) -> str:
    """The host of an account's ECR registry. Raises ConfigurationError for a region of no partition.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html; China and the sovereign cloud of the EU have
    domains of their own.
    """
    return f"{account}.dkr.ecr.{region}.{session.dns_suffix(region)}"


def require_function_urls(environment: Environment) -> None:
    """Raises RefusedError when the environment's region has no Function URLs."""
    if environment.region in WITHOUT_FUNCTION_URLS:
        raise RefusedError(
            f"Lambda has no Function URLs in {environment.region}, the region of {environment.name}.",
            "Nothing was changed. The function is served by its Function URL alone.",
            f"another environments.{environment.name}.region in {FILE}",
        )
