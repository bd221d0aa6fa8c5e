"""The regions of AWS: the host of the registry in each partition."""

import re

import pytest

from delivery import settings
from delivery.aws import regions
from delivery.errors import ConfigurationError

PATTERN = settings._EnvironmentSection.model_json_schema()["properties"]["region"]["pattern"]


@pytest.mark.parametrize(
    ("region", "domain"),
    [
        ("us-east-1", "amazonaws.com"),
        ("us-gov-west-1", "amazonaws.com"),
        ("cn-northwest-1", "amazonaws.com.cn"),
        ("eusc-de-east-1", "amazonaws.eu"),
        ("us-iso-east-1", "c2s.ic.gov"),
        ("ap-northeast-9", "amazonaws.com"),
    ],
)
def test_the_registry_has_the_domain_of_its_partition(region, domain):
    """A region that botocore does not know yet has the domain of the partition whose pattern it fits."""
    assert regions.registry("111111111111", region) == f"111111111111.dkr.ecr.{region}.{domain}"
    assert re.search(PATTERN, region)


def test_a_region_of_no_partition_is_refused():
    with pytest.raises(ConfigurationError, match="Unknown region: xy-east-1"):
        regions.registry("111111111111", "xy-east-1")
