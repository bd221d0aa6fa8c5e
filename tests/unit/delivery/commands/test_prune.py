"""A prune removes only unused versions and images: checked over random histories, and call by call."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.aws import FakeEcr, FakeLambda, refusal
from support.build import DIGEST
from support.world import NAME, REPOSITORY, world

from delivery.aws.ecr import StoredImage
from delivery.cli import report
from delivery.commands import prune
from delivery.commands.prune import Inventory
from delivery.errors import CloudError, RefusedError


def digest(number):
    return f"sha256:{number:064x}"


def beside(number):
    """The digest of the attestation of an image."""
    return digest(number + 1000)


BESIDE = {beside(number): digest(number) for number in range(9)}


@dataclass
class History:
    """The versions of a function and the images of its repository after some deploys."""

    versions: dict[str, str] = field(default_factory=dict)
    tags: dict[str, set[str]] = field(default_factory=dict)
    live: str = ""
    weighted: str = ""
    newest: int = 0

    def deploy(self, image, healthy):
        """Publish a version of an image; if it is healthy it is released and live."""
        self.newest += 1
        version = str(self.newest)
        self.versions[version] = digest(image)
        self.tags.setdefault(digest(image), set()).add(f"keep-{digest(image)[7:19]}")
        for tags in self.tags.values():
            tags.discard("latest")
        self.tags[digest(image)].add("latest")
        self.tags[beside(image)] = {f"sha256-{digest(image)[7:]}.sbom.1"}
        if healthy or not self.live:
            self.tags[digest(image)].add(f"release-{version}")
            self.live = version

    def rollback(self, back):
        """Move the alias to another release that still exists."""
        released = [version for version in self.versions if self.released(version)]
        if self.live:
            self.live = released[-1 - back % len(released)]

    def shift(self, back):
        """A canary: another version gets a share of the requests."""
        self.weighted = list(self.versions)[-1 - back % len(self.versions)] if self.versions else ""

    def prune(self, _):
        """Remove everything that can be removed."""
        if self.live:
            versions, images = prune.choose(self.inventory())
            assert set(versions) <= set(self.versions)
            self.versions = {key: value for key, value in self.versions.items() if key not in versions}
            self.tags = {key: tags for key, tags in self.tags.items() if key not in {image.digest for image in images}}

    def released(self, version):
        return f"release-{version}" in self.tags.get(self.versions[version], ())

    def inventory(self):
        images = tuple(StoredImage(key, tuple(tags)) for key, tags in self.tags.items())
        unpublished = self.versions.get(str(self.newest), "")
        return Inventory(self.versions, unpublished, self.live, frozenset({self.live, self.weighted}), images)


STEPS = st.one_of(
    st.tuples(st.just("deploy"), st.integers(1, 8), st.booleans()),
    st.tuples(st.sampled_from(["rollback", "shift", "prune"]), st.integers(0, 5)),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(STEPS, max_size=30))
def test_over_any_history_nothing_that_is_live_weighted_released_or_newest_is_pruned(steps):
    history, released = History(), set()
    for name, *given_ in steps:
        getattr(history, name)(*given_)
        released |= {version for version in history.versions if history.released(version)}
        wanted = {history.live, history.weighted, str(history.newest) if history.newest else ""} - {""} | released
        assert wanted <= set(history.versions)
        assert {beside(number) for number in range(9) if digest(number) in history.tags} <= set(history.tags), "signed"
        for key in history.tags:
            assert key not in BESIDE or BESIDE[key] in history.tags, "the attestation of a removed image goes with it"
        for version, runs in history.versions.items():
            assert runs in history.tags, f"version {version} runs an image that is gone"


def test_failed_versions_can_be_removed_once_a_newer_version_is_live():
    history = History()
    for image, healthy in ((1, True), (2, False), (3, False), (2, True), (4, False)):
        history.deploy(image, healthy)
    versions, images = prune.choose(history.inventory())
    assert versions == ("2", "3"), "5 is newer than the live version: a deploy may be verifying it"
    assert [image.digest for image in images] == [beside(3), digest(3)], "2 was released with version 4"


@pytest.mark.parametrize("tags", [("keep-1", "sha256-{}.x"), ("sha256-{}.x", "release-1"), ("latest", "sha256-{}.x")])
def test_an_image_that_somebody_tagged_like_an_attestation_is_not_removed_as_one(tags):
    image = StoredImage(digest(6), tuple(tag.format(digest(5)[7:]) for tag in tags))
    used = StoredImage(digest(1), (f"sha256-{digest(5)[7:]}.x",))
    inventory = Inventory({"1": digest(1)}, digest(1), "1", frozenset("1"), (StoredImage(digest(5), ("keep-5",)), used))
    _, removed = prune.choose(replace(inventory, images=(*inventory.images, image)))
    assert digest(1) not in {each.digest for each in removed}
    assert (digest(6) in {each.digest for each in removed}) == ("keep-1" in tags), "as any image with these tags"


@pytest.mark.parametrize(
    ("tags", "goes"),
    [
        (("keep-1",), True),
        (("keep-1", "c" * 40), True),
        (("keep-1", "latest"), False),
        (("keep-1", "release-9"), False),
        (("buildcache",), False),
        (("c" * 40,), False),
        ((), False),
    ],
)
def test_of_the_unused_images_only_those_with_a_tag_against_expiry_are_removed(tags, goes):
    stored = StoredImage(digest(5), tags)
    inventory = Inventory({"1": digest(1)}, digest(1), "1", frozenset("1"), (stored,))
    assert prune.choose(inventory) == ((), (stored,) if goes else ())


def test_the_image_of_an_unpublished_change_is_not_removed():
    stored = StoredImage(digest(5), ("keep-5",))
    assert prune.choose(Inventory({"1": digest(1)}, digest(5), "1", frozenset("1"), (stored,))) == ((), ())


def prunable(tmp_path):
    """Version 1 failed, 2 is live and released, each with an image of its own."""
    made = world(tmp_path)
    functions = FakeLambda(live="2")
    functions.versions = [{"Version": "$LATEST"}, {"Version": "1"}, {"Version": "2"}]
    functions.commits = dict.fromkeys(("1", "2"), "c" * 40)
    functions.images = {"1": f"{REPOSITORY}@{digest(1)}", **dict.fromkeys(("2", "$LATEST"), f"{REPOSITORY}@{DIGEST}")}
    made.aws.functions = functions
    tags = {"keep-1": digest(1), "release-2": DIGEST, "keep-2": DIGEST, "latest": DIGEST}
    made.aws.ecr = FakeEcr({NAME: {digest(1): "old", DIGEST: "new"}}, {(NAME, tag): of for tag, of in tags.items()})
    return made


def test_the_list_shows_versions_and_images_and_removes_nothing(tmp_path):
    made = prunable(tmp_path)
    (pruning,) = prune.plan(made.run)
    assert report.pruning_lines([pruning]) == ("- version 1 of fn", f"- image {digest(1)[:19]} (keep-1)")
    assert "can be removed: 1 versions, 1 images" in made.out.getvalue()
    changing = {"delete_function", "batch_delete_image"}
    assert not changing & {name for name, _ in made.aws.functions.calls + made.aws.ecr.calls}


def test_the_attestations_of_a_removed_image_are_listed_and_removed_before_it(tmp_path):
    made = prunable(tmp_path)
    tags = {f"sha256-{of[7:]}.sbom.1": f"sha256:{number * 64}" for number, of in (("a", digest(1)), ("b", DIGEST))}
    for tag, of in tags.items():
        made.aws.ecr.repositories[NAME][of], made.aws.ecr.tags[NAME, tag] = "attestation", of
    (pruning,) = prune.plan(made.run)
    first = f"- attestation sha256:aaaaaaaaaaaa (sha256-{digest(1)[7:]}.sbom.1)"
    assert report.pruning_lines([pruning])[1:] == (first, f"- image {digest(1)[:19]} (keep-1)")
    assert "can be removed: 1 versions, 1 images, 1 attestations" in made.out.getvalue()
    prune.remove(made.run, (pruning,))
    assert set(made.aws.ecr.repositories[NAME]) == {DIGEST, "sha256:" + "b" * 64}


def test_a_version_with_a_share_of_the_requests_is_not_removed(tmp_path):
    made = prunable(tmp_path)
    made.aws.functions.weights = {"1": 0.1}
    assert prune.plan(made.run) == ()
    assert "nothing to prune" in made.out.getvalue()


def test_the_next_prune_removes_the_image_that_a_failed_prune_left(tmp_path):
    made = prunable(tmp_path)
    made.aws.ecr.refuses["batch_delete_image"] = refusal("ThrottlingException")
    with pytest.raises(CloudError):
        prune.remove(made.run, prune.plan(made.run))
    assert "1" not in made.aws.functions.images
    del made.aws.ecr.refuses["batch_delete_image"]
    (left,) = prune.plan(made.run)
    assert (left.versions, [image.digest for image in left.images]) == ((), [digest(1)])
    prune.remove(made.run, (left,))
    assert prune.plan(made.run) == ()
    assert set(made.aws.ecr.repositories[NAME]) == {DIGEST}


def test_a_version_without_a_digest_stops_the_prune(tmp_path):
    made = prunable(tmp_path)
    made.aws.functions.images["1"] = f"{REPOSITORY}:latest"
    with pytest.raises(RefusedError, match="Version 1 of fn names no digest"):
        prune.plan(made.run)


def test_an_image_that_the_registry_does_not_delete_is_named_with_its_digest(tmp_path):
    made = prunable(tmp_path)
    removable = prune.plan(made.run)
    failure = {"failureCode": "ImageReferencedByManifestList", "failureReason": "an index names this image"}
    made.aws.ecr.batch_delete_image = lambda **_: {"imageIds": [], "failures": [failure]}
    with pytest.raises(CloudError) as caught:
        prune.remove(made.run, removable)
    assert digest(1) in caught.value.what
    assert (caught.value.why, caught.value.hint) == ("an index names this image", "invoke prune --env sandbox")


def test_an_alias_without_a_version_number_stops_the_prune(tmp_path):
    made = prunable(tmp_path)
    made.aws.functions.live = "$LATEST"
    with pytest.raises(RefusedError) as caught:
        prune.plan(made.run)
    assert "$LATEST" in caught.value.why
    assert caught.value.hint == "invoke deploy --env sandbox"


def test_before_anything_is_live_every_version_stays(tmp_path):
    made = prunable(tmp_path)
    made.aws.functions.live = ""
    assert prune.plan(made.run) == ()
