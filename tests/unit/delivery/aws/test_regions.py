"""The regions of AWS: the host of the registry in each partition, and where Lambda has Function URLs."""

import re
from dataclasses import replace

import pytest
from support.world import ENVIRONMENT, NAME, world

from delivery import settings
from delivery.aws import regions
from delivery.commands import bootstrap, deploy
from delivery.errors import ConfigurationError, RefusedError

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


@pytest.mark.parametrize(
    "command", [lambda run: deploy.guard(run), lambda run: bootstrap.plan(run, ("sse-streaming",))]
)
def test_a_region_without_function_urls_is_refused_before_anything_changes(tmp_path, command):
    made = world(tmp_path, environment=replace(ENVIRONMENT, region="eu-south-2"))
    with pytest.raises(RefusedError, match="no Function URLs in eu-south-2") as caught:
        command(made.run)
    assert "environments.sandbox.region in invoke.yaml" in caught.value.hint
    assert made.aws.s3.calls + made.aws.ecr.calls + made.aws.functions.calls == []
    assert made.shell.typed("terraform") == []
    assert NAME in made.aws.ecr.repositories
