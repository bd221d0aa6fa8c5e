"""Trust: what an environment accepts, and every image that it refuses, with what was found and what to type."""

import json
from dataclasses import replace

import pytest
from botocore import exceptions
from support.attested import BUILDER, COMMIT, DIGEST, KEY, SOURCE, Attested, provenance
from support.aws import refusal
from support.registry import FakeRegistry
from support.world import answers, world

from delivery.attestation import PROVENANCE, SBOM
from delivery.errors import CloudError, RefusedError
from delivery.image import trust
from delivery.settings import Requires

OTHER = "d" * 40
OTHER_DIGEST = "sha256:" + "e" * 64
NEXT = "awskms:///alias/next"


class Place:
    """An environment that requires a signature and a builder, and the image in its registry."""

    def __init__(self, root, monkeypatch):
        self.world = world(root, answers())
        self.beside = Attested(self.world.aws, FakeRegistry(self.world.aws.ecr).install(monkeypatch))
        self.world.aws.keys.keys["alias/next"] = "next"
        self.requires(signed_by=[KEY], builder=BUILDER)

    def requires(self, **changes):
        run = self.world.run
        object.__setattr__(run, "settings", replace(run.settings, requires=Requires(**changes)))

    def require(self, commit=COMMIT):
        trust.require(self.world.run, self.world.aws, self.beside.image, commit)

    def refused(self, *texts, commit=COMMIT):
        with pytest.raises(RefusedError) as caught:
            self.require(commit)
        for text in texts:
            assert text in str(caught.value)
        assert caught.value.exit_code == 4
        assert caught.value.hint.startswith("`invoke push-image --env sandbox`")
        return caught.value


@pytest.fixture
def place(tmp_path, monkeypatch):
    return Place(tmp_path, monkeypatch)


def test_an_image_with_a_signed_sbom_and_a_provenance_of_its_commit_and_builder_is_accepted(place):
    place.beside.sign()
    place.require()


def test_an_unsigned_image_is_refused_with_what_is_required_and_what_to_type(place):
    error = place.refused("No attestation of this commit is beside it.", f"signed by {KEY}, built by {BUILDER}")
    assert error.what == f"app@{DIGEST[:19]} has no trusted SBOM and no trusted provenance."


def test_an_environment_that_requires_nothing_asks_for_nothing(place):
    place.requires()
    place.require()
    assert place.world.aws.ecr.calls == []


def test_an_attestation_by_another_key_does_not_count(place):
    place.beside.attach(SBOM, {}, key=NEXT)
    place.beside.attach(PROVENANCE, provenance(), key=NEXT)
    place.refused("SBOM signed by another key or workflow", "provenance signed by another key or workflow")


def test_while_a_key_is_replaced_either_of_the_two_counts(place):
    place.requires(signed_by=[KEY, NEXT], builder=BUILDER)
    place.beside.attach(SBOM, {}, key=NEXT)
    place.beside.attach(PROVENANCE, provenance())
    place.require()


def test_good_attestations_that_were_moved_to_another_image_do_not_count(place):
    place.beside.attach(SBOM, {}, digest=OTHER_DIGEST)
    place.beside.attach(PROVENANCE, provenance(), digest=OTHER_DIGEST)
    place.refused(f"SBOM of another image, {OTHER_DIGEST[:19]}", f"provenance of another image, {OTHER_DIGEST[:19]}")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"commit": OTHER}, f"provenance of another commit, {OTHER}"),
        ({"builder": BUILDER.replace("main", "feature")}, "provenance by another builder"),
        ({"builder": BUILDER.replace("deploy", "other")}, "provenance by another builder"),
        ({"builder": BUILDER.replace("/o/", "/fork/")}, "provenance by another builder"),
        ({"builder": f"{BUILDER}-evil"}, "provenance by another builder"),
        ({"builder": "person:alice"}, "provenance by another builder, person:alice"),
        ({"source": SOURCE.replace("main", "feature")}, "provenance of another branch"),
        ({"source": "git+https://github.com/o/n"}, "provenance of another branch"),
    ],
)
def test_the_provenance_of_another_build_does_not_count(place, changes, why):
    place.beside.sign(**changes)
    error = place.refused(why)
    assert error.what == f"app@{DIGEST[:19]} has no trusted provenance."


def test_a_builder_that_is_not_required_is_not_compared(place):
    place.requires(signed_by=[KEY])
    place.beside.sign(builder="person:alice", source="git+file:///home/alice/app")
    place.require()


def test_one_image_may_have_the_provenance_of_several_commits(place):
    place.beside.sign(commit=OTHER)
    place.beside.attach(PROVENANCE, provenance())
    place.require()


def test_a_commit_without_a_provenance_of_its_own_is_refused_though_the_image_is_signed(place):
    place.beside.sign()
    place.refused("has no trusted provenance", commit=OTHER)


@pytest.mark.parametrize(
    "predicate",
    [{}, {"runDetails": {"builder": {"id": BUILDER}}}, {**provenance(), "runDetails": []}],
)
def test_a_provenance_that_is_malformed_does_not_count_though_it_is_signed(place, predicate):
    place.beside.attach(SBOM, {})
    place.beside.attach(PROVENANCE, predicate)
    place.refused("malformed: a provenance without")


def test_a_malformed_dependency_in_a_provenance_does_not_count(place):
    predicate = provenance()
    predicate["buildDefinition"]["resolvedDependencies"] = ["text"]
    place.beside.attach(SBOM, {})
    place.beside.attach(PROVENANCE, predicate)
    place.refused("malformed: a provenance without")


def test_whatever_else_lies_beside_the_image_does_no_harm(place):
    place.beside.put(b"\xff not a bundle")
    place.beside.put(json.dumps({"mediaType": "x"}).encode())
    place.beside.attach(SBOM, {}, key=NEXT)
    place.beside.attach(PROVENANCE, provenance(commit=OTHER))
    place.beside.sign()
    place.require()


def test_a_malformed_bundle_is_named_once_with_its_count(place):
    for number in range(3):
        place.beside.put(f"no JSON {number}".encode())
    place.refused("beside it: malformed: no JSON: Expecting value", "(3 of these)")


def test_what_somebody_else_wrote_does_not_move_the_cursor(place):
    place.beside.sign(builder="x\x1b[2J\ny")
    assert "\x1b" not in str(place.refused("provenance by another builder, x?[2J?y"))


def test_a_statement_of_another_kind_that_is_annotated_as_a_provenance_does_not_count(place):
    place.beside.attach(SBOM, {})
    place.beside.attach("https://example.test/other", provenance(), about="")
    bundle = place.beside.attach("https://example.test/other", {}, about="")
    text = place.world.aws.ecr.repositories["app"][bundle.digest]
    layer = json.loads(text)["layers"][0]["digest"]
    place.beside.put(place.beside.registry.blobs["app"][layer])
    place.refused("a statement of another kind: https://example.test/other")


def test_too_many_attestations_are_refused(place):
    place.beside.sign()
    for number in range(40):
        place.beside.put(f"{number}".encode())
    with pytest.raises(RefusedError, match="too many attestations"):
        place.require()


@pytest.mark.parametrize("operation", ["verify", "get_public_key"])
@pytest.mark.parametrize(
    "failure",
    [refusal("AccessDeniedException", "no"), exceptions.EndpointConnectionError(endpoint_url="https://kms.test")],
)
def test_without_kms_nobody_knows_whether_it_is_signed_so_it_is_no_refusal_but_a_failure(place, operation, failure):
    place.beside.sign()
    place.world.aws.keys.refuses[operation] = failure
    with pytest.raises(CloudError) as caught:
        place.require()
    assert caught.value.exit_code == 8
    assert {"verify": "kms:Verify", "get_public_key": "kms:GetPublicKey"}[operation] in caught.value.what


def test_kms_is_asked_only_about_what_fits(place):
    place.beside.sign(commit=OTHER)
    place.beside.attach(PROVENANCE, provenance(), digest=OTHER_DIGEST)
    place.refused("has no trusted provenance")
    assert len(place.world.aws.keys.called("verify")) == 1


def test_what_fits_is_known_by_kind(place):
    place.beside.sign()
    attestations = trust.read(place.world.shell, place.world.aws, place.beside.image, COMMIT)
    signers = (trust.signer.trusted(place.world.run, KEY),)
    wanted = trust.Wanted(DIGEST, COMMIT, BUILDER, signers)
    assert trust.fitting(wanted, attestations) == {SBOM, PROVENANCE}
    assert trust.fitting(replace(wanted, builder="person:alice"), attestations) == {SBOM}
