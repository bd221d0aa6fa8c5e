"""The SBOM of a pushed image: the one that a trusted key signed, or else one that is made from its layers."""

from dataclasses import replace

import pytest
from support.attested import COMMIT, KEY, Attested
from support.aws import refusal
from support.image_layers import layer, metadata, pushed
from support.registry import FakeRegistry
from support.world import NAME, world

from delivery.attestation import PROVENANCE, SBOM
from delivery.errors import BuildError
from delivery.image import components, contents
from delivery.image.components import Component
from delivery.image.recipe import Recipe
from delivery.settings import Requires

OTHER = "awskms:///alias/other"
SIGNED = {"components": [{"name": "signed", "version": "1", "purl": "pkg:pypi/signed@1"}]}
PACKAGE = Component("pypi", "h11", "0.16.0")


class Place:
    """A pushed image with one Python package, in an environment that trusts a key."""

    def __init__(self, root, monkeypatch):
        self.world = world(root)
        self.registry = FakeRegistry(self.world.aws.ecr).install(monkeypatch)
        self.beside = Attested(self.world.aws, self.registry, NAME)
        self.world.aws.keys.keys["alias/other"] = "other"
        content = layer(("dependencies/h11-0.16.0.dist-info/METADATA", metadata("h11", "0.16.0")))
        self.image = self.beside.image = pushed(self.world, self.registry, content)
        self.known, self.recipes = {}, 0
        self.trusts(requires=Requires(signed_by=[KEY]))

    def trusts(self, **changes):
        run = self.world.run
        object.__setattr__(run, "settings", replace(run.settings, **changes))

    def attach(self, kind=SBOM, predicate=SIGNED, **changes):
        self.beside.attach(kind, predicate, **{"digest": self.image.digest, **changes})

    def read(self):
        return contents.read(self.world.run, self.image, COMMIT, self._recipe, self.known)

    def _recipe(self):
        self.recipes += 1
        return Recipe("sse-streaming", {})


@pytest.fixture
def place(tmp_path, monkeypatch):
    return Place(tmp_path, monkeypatch)


def test_the_sbom_that_a_trusted_key_signed_is_shown_without_reading_a_layer(place):
    place.attach()
    read = place.read()
    assert (read.bom, read.unsigned) == (SIGNED, "")
    assert (place.recipes, place.known) == (0, {})


def test_without_a_signed_sbom_one_is_made_from_the_layers_and_says_why(place):
    place.attach(PROVENANCE, {})
    read = place.read()
    assert components.of(read.bom) == (PACKAGE,)
    assert read.unsigned == f"no SBOM signed by {KEY} is beside the image"
    assert read.bom["metadata"]["component"]["version"] == place.image.digest


@pytest.mark.parametrize("changes", [{"key": OTHER}, {"digest": "sha256:" + "e" * 64}], ids=["key", "image"])
def test_an_sbom_that_somebody_else_signed_or_of_another_image_does_not_count(place, changes):
    place.attach(**changes)
    assert components.of(place.read().bom) == (PACKAGE,)


def test_an_sbom_that_the_environment_signs_itself_counts_where_nothing_is_required(place):
    place.trusts(requires=Requires(), sign_with=KEY)
    place.attach()
    assert place.read().bom == SIGNED


def test_an_environment_without_a_signer_asks_for_no_attestation(place):
    place.trusts(requires=Requires())
    place.attach()
    read = place.read()
    assert components.of(read.bom) == (PACKAGE,)
    assert read.unsigned == "build.sign_with and requires.signed_by name no signer"


def test_a_role_that_may_not_ask_the_key_still_gets_an_sbom(place):
    place.attach()
    place.world.aws.keys.refuses["get_public_key"] = refusal("AccessDeniedException", "kms:GetPublicKey")
    read = place.read()
    assert components.of(read.bom) == (PACKAGE,)
    assert read.unsigned


def test_a_layer_that_two_images_share_is_read_once(place):
    place.read()
    (shared,) = place.known
    other = pushed(place.world, place.registry, place.registry.blobs[NAME][shared], layer(("x", "")))
    place.image = other
    assert components.of(place.read().bom) == (PACKAGE,)
    assert len([path for path in place.registry.typed("GET") if path.endswith(shared)]) == 1


def test_an_image_that_is_gone_is_reported(place):
    place.world.aws.ecr.repositories[NAME].clear()
    with pytest.raises(BuildError, match="does not exist"):
        place.read()
