"""Attestations beside an image: stored, found, read and copied, and everything that is not read as one."""

import json

import pytest
from support.aws import FakeAws, FakeEcr
from support.registry import FakeRegistry, digest_of, image

from delivery.attestation import BUNDLE, PROVENANCE, SBOM, MalformedError
from delivery.aws import ecr, referrers
from delivery.aws.distribution import Manifest, Repository
from delivery.aws.referrers import Referrer
from delivery.errors import CloudError, RefusedError
from delivery.reference import PushedImage

TEXT, BLOBS = image()
DIGEST = digest_of(TEXT.encode())
KIND = "application/vnd.oci.image.manifest.v1+json"
COMMIT, OTHER = "c" * 40, "d" * 40
ABOUT = Referrer("", PROVENANCE, COMMIT)
BYTES = b'{"a": "bundle"}'


class Registry:
    """Two repositories of one registry: `app` has an image, `copy` has none."""

    def __init__(self, monkeypatch):
        self.aws = FakeAws(FakeEcr({"app": {DIGEST: TEXT}, "copy": {}}))
        self.fake = FakeRegistry(self.aws.ecr, mounts=True).install(monkeypatch)
        self.fake.blobs["app"] = dict(BLOBS)
        self.image, self.copied = (PushedImage("app", f"registry.test:5000/{name}", DIGEST) for name in ("app", "copy"))
        access = ecr.authorize(self.aws)
        self.app, self.copy = Repository(access, "app"), Repository(access, "copy")

    def attach(self, content=BYTES, about=ABOUT):
        return referrers.attach(self.app, self.image, content, about)

    def store(self, **changes):
        """An artifact with changes to its manifest; returns its referrer."""
        made = self.attach()
        document = {**json.loads(self.aws.ecr.repositories["app"][made.digest]), **changes}
        manifest = Manifest(json.dumps(document).encode(), KIND)
        self.app.put(manifest)
        return Referrer(manifest.digest)

    def tags(self, name="app"):
        return {tag: digest for (repository, tag), digest in self.aws.ecr.tags.items() if repository == name}


@pytest.fixture
def registry(monkeypatch):
    return Registry(monkeypatch)


def test_an_attestation_is_an_artifact_of_its_image_with_one_layer_and_a_tag_of_its_own(registry):
    made = registry.attach()
    document = json.loads(registry.aws.ecr.repositories["app"][made.digest])
    assert document["subject"] == {"mediaType": KIND, "digest": DIGEST, "size": len(TEXT)}
    assert document["artifactType"] == BUNDLE
    assert document["layers"] == [{"mediaType": BUNDLE, "digest": digest_of(BYTES), "size": len(BYTES)}]
    assert document["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert registry.tags() == {f"sha256-{DIGEST[7:]}.provenance.{made.digest[7:19]}": made.digest}


def test_the_image_stays_as_it_is(registry):
    registry.attach()
    assert registry.aws.ecr.repositories["app"][DIGEST] == TEXT


def test_the_same_bundle_twice_is_there_once_and_two_bundles_are_both_there(registry):
    first, again, other = registry.attach(), registry.attach(), registry.attach(b"{}", ABOUT)
    assert first == again
    assert set(referrers.find(registry.aws, registry.image, COMMIT)) == {first, other}


def test_what_was_attached_is_found_and_read(registry):
    made = registry.attach()
    manifest, content = referrers.read(registry.app, registry.image, made)
    assert (manifest.digest, content) == (made.digest, BYTES)


def test_those_of_another_commit_are_not_read_and_an_sbom_is_of_every_commit(registry):
    mine = registry.attach()
    registry.attach(b'{"another": 1}', Referrer("", PROVENANCE, OTHER))
    sbom = registry.attach(b'{"sbom": 1}', Referrer("", SBOM))
    registry.attach(b'{"of another kind": 1}', Referrer("", "https://example.test/vulnerabilities"))
    assert set(referrers.find(registry.aws, registry.image, COMMIT)) == {mine, sbom}


def test_an_artifact_without_annotations_may_be_about_anything(registry):
    plain = registry.store(annotations={})
    assert plain in referrers.find(registry.aws, registry.image, COMMIT)


def test_every_page_of_the_list_is_read(registry):
    for number in range(120):
        registry.attach(f'{{"number": {number}}}'.encode(), Referrer("", PROVENANCE, f"{number:040}"))
    assert len(referrers.find(registry.aws, registry.image, f"{119:040}")) == 1
    assert len(registry.aws.ecr.called("list_image_referrers")) == 3


def test_thousands_of_attestations_are_refused_before_one_is_read(registry, monkeypatch):
    monkeypatch.setattr(referrers, "MOST", 100)
    for number in range(151):
        registry.attach(f'{{"number": {number}}}'.encode(), Referrer("", PROVENANCE, OTHER))
    asked = len(registry.fake.asked)
    with pytest.raises(RefusedError, match="too many attestations of sha256:") as caught:
        referrers.find(registry.aws, registry.image, COMMIT)
    assert "aws ecr list-image-referrers --repository-name app" in caught.value.hint
    assert len(registry.fake.asked) == asked


def test_too_many_for_one_commit_are_refused(registry):
    for number in range(referrers.MOST_READ + 1):
        registry.attach(f'{{"number": {number}}}'.encode())
    with pytest.raises(RefusedError, match=f"{referrers.MOST_READ + 1} for commit {COMMIT[:12]}"):
        referrers.find(registry.aws, registry.image, COMMIT)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"layers": []}, "no artifact with one layer"),
        ({"layers": [{}]}, "no artifact with one layer"),
        ({"layers": [{"digest": "x", "size": "big", "mediaType": BUNDLE}]}, "no artifact with one layer"),
        ({"layers": [{"digest": "x", "size": 1, "mediaType": "text/plain"}]}, "a layer of type text/plain"),
        ({"layers": [{"digest": "x", "size": 1 << 40, "mediaType": BUNDLE}]}, "1099511627776 bytes"),
        ({"config": {"size": 1 << 40}}, "1099511627776 bytes"),
        ({"subject": None}, "no artifact with one layer"),
    ],
)
def test_another_artifact_is_not_read_as_an_attestation(registry, changes, why):
    registry.attach()
    document = {
        **json.loads(next(t for t in registry.aws.ecr.repositories["app"].values() if "subject" in t)),
        **changes,
    }
    manifest = Manifest(json.dumps(document).encode(), KIND)
    registry.aws.ecr.repositories["app"][manifest.digest] = manifest.content.decode()
    with pytest.raises(MalformedError, match=why):
        referrers.read(registry.app, registry.image, Referrer(manifest.digest))


def test_an_artifact_of_another_image_is_not_read(registry):
    registry.aws.ecr.repositories["app"][digest_of(b"{}")] = "{}"
    moved = registry.store(subject={"digest": digest_of(b"{}"), "mediaType": KIND, "size": 2})
    with pytest.raises(MalformedError, match="of another image"):
        referrers.read(registry.app, registry.image, moved)


def test_a_manifest_with_other_bytes_than_its_digest_is_not_read(registry):
    made = registry.attach()
    registry.aws.ecr.repositories["app"][made.digest] += " "
    with pytest.raises(MalformedError, match="no manifest of this digest"):
        referrers.read(registry.app, registry.image, made)


def test_a_bundle_that_is_larger_than_its_manifest_says_is_not_read_to_its_end(registry, monkeypatch):
    made = registry.attach(b"x" * 200)
    monkeypatch.setattr(referrers, "LARGEST", 100)
    document = json.loads(registry.aws.ecr.repositories["app"][made.digest])
    document["layers"][0]["size"] = 1
    small = registry.store(layers=document["layers"])
    with pytest.raises(MalformedError, match="more than 100 bytes"):
        referrers.read(registry.app, registry.image, small)


def test_nothing_is_attached_to_an_image_that_is_not_there(registry):
    """ECR answers 405: aws/containers-roadmap#2783."""
    with pytest.raises(CloudError, match="nothing can be attached") as caught:
        referrers.attach(registry.copy, registry.copied, BYTES, ABOUT)
    assert caught.value.exit_code == 8
    assert registry.aws.ecr.repositories["copy"] == {}


def test_an_attestation_is_not_copied_before_its_image(registry):
    made = registry.attach()
    manifest, _ = referrers.read(registry.app, registry.image, made)
    with pytest.raises(CloudError, match="only after its image"):
        referrers.copy(registry.app, registry.copy, registry.copied, manifest)
    assert registry.tags("copy") == {}


def test_a_copy_has_the_same_bytes_and_the_same_tag_and_a_second_copy_changes_nothing(registry):
    manifest, _ = referrers.read(registry.app, registry.image, registry.attach())
    registry.copy.put(Manifest(TEXT.encode(), KIND))
    for _ in range(2):
        referrers.copy(registry.app, registry.copy, registry.copied, manifest)
        assert registry.aws.ecr.repositories["copy"][manifest.digest].encode() == manifest.content
        assert registry.tags("copy") == registry.tags()
        assert registry.fake.blobs["copy"][digest_of(BYTES)] == BYTES


def test_the_tag_of_an_attestation_names_its_image(registry):
    registry.attach()
    (tag,) = registry.tags()
    assert referrers.subject((tag,)) == DIGEST
    assert {referrers.subject(tags) for tags in ((), ("latest", COMMIT), ("keep-1", tag))} == {""}


def test_without_attestations_there_is_nothing_to_read(registry):
    assert referrers.find(registry.aws, registry.image, COMMIT) == ()
