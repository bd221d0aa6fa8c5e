"""The health contract of a version is that of its image, read from the registry by digest, once in a run."""

import json

import pytest
from support.build import CONTRACT, DIGEST, config, manifest
from support.world import NAME, VERSION, blobs, world

from delivery import health
from delivery.errors import BuildError, UnhealthyError
from delivery.release import contracts


@pytest.fixture
def made(tmp_path):
    result = world(tmp_path)
    result.aws.configs.clear()
    result.aws.ecr.repositories[NAME][DIGEST] = manifest()
    return result


def test_a_version_has_the_contract_in_the_label_of_its_image(made, monkeypatch):
    contract = {"http": "/health", "status": 204}
    asked = blobs(monkeypatch, config=config(contract)["config"])
    assert contracts.read(made.aws, VERSION) == health.parse(json.dumps(contract))
    assert contracts.read(made.aws, VERSION).status == 204
    assert len(asked) == len(made.aws.ecr.called("batch_get_image")) == 1, "a digest names the same bytes for ever"


@pytest.mark.parametrize("settings", [None, {}, {"Labels": None}, {"Labels": {"other": "x"}}])
def test_a_version_without_the_label_has_the_contract_of_the_first_function(made, monkeypatch, settings):
    blobs(monkeypatch, config=settings)
    assert contracts.read(made.aws, VERSION) == health.parse(json.dumps(CONTRACT))


def test_a_malformed_label_of_a_version_is_unhealthy_and_names_the_version(made, monkeypatch):
    blobs(monkeypatch, config={"Labels": {health.LABEL: '{"htp": "/"}'}})
    with pytest.raises(UnhealthyError, match="Version 2 of fn cannot be verified") as caught:
        contracts.read(made.aws, VERSION)
    assert '{"htp": "/"}' in caught.value.what
    assert health.line("http") in caught.value.hint


def test_an_image_that_is_gone_from_the_registry_has_no_contract(made):
    made.aws.ecr.lose(NAME, DIGEST)
    with pytest.raises(BuildError, match="does not exist"):
        contracts.read(made.aws, VERSION)
