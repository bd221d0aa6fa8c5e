"""What a prune takes away, over random histories; and that it asks, tells, and goes version by version."""

from dataclasses import dataclass, field

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


@dataclass
class History:
    """What a function and its repository hold after some deploys, as AWS would hold it."""

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
        if healthy or not self.live:
            self.tags[digest(image)].add(f"release-{version}")
            self.live = version

    def rollback(self, back):
        """The alias goes to another release that is still there."""
        released = [version for version in self.versions if self.released(version)]
        if self.live:
            self.live = released[-1 - back % len(released)]

    def shift(self, back):
        """A canary: some of the traffic goes to another version."""
        self.weighted = list(self.versions)[-1 - back % len(self.versions)] if self.versions else ""

    def prune(self, _):
        """Whatever may go, goes."""
        if self.live:
            versions, images = prune.choose(self.found())
            assert set(versions) <= set(self.versions)
            self.versions = {key: value for key, value in self.versions.items() if key not in versions}
            self.tags = {key: tags for key, tags in self.tags.items() if key not in {it.digest for it in images}}

    def released(self, version):
        return f"release-{version}" in self.tags.get(self.versions[version], ())

    def found(self):
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
        for version, runs in history.versions.items():
            assert runs in history.tags, f"version {version} runs an image that is gone"


def test_versions_that_failed_go_once_something_newer_is_live():
    history = History()
    for image, healthy in ((1, True), (2, False), (3, False), (2, True), (4, False)):
        history.deploy(image, healthy)
    versions, images = prune.choose(history.found())
    assert versions == ("2", "3"), "5 is newer than what is live: somebody may be verifying it"
    assert [image.digest for image in images] == [digest(3)], "2 was released with version 4"


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
def test_of_the_images_that_nobody_runs_only_those_go_that_expiry_may_not_touch(tags, goes):
    stored = StoredImage(digest(5), tags)
    found = Inventory({"1": digest(1)}, digest(1), "1", frozenset("1"), (stored,))
    assert prune.choose(found) == ((), (stored,) if goes else ())


def test_what_an_interrupted_apply_left_unpublished_stays():
    stored = StoredImage(digest(5), ("keep-5",))
    assert prune.choose(Inventory({"1": digest(1)}, digest(5), "1", frozenset("1"), (stored,))) == ((), ())


def prunable(tmp_path):
    """Version 1 failed, 2 is live and released, each with an image of its own."""
    made = world(tmp_path)
    functions = FakeLambda(live="2")
    functions.versions = [{"Version": "$LATEST"}, {"Version": "1"}, {"Version": "2"}]
    functions.images = {"1": f"{REPOSITORY}@{digest(1)}", **dict.fromkeys(("2", "$LATEST"), f"{REPOSITORY}@{DIGEST}")}
    made.aws.functions = functions
    tags = {"keep-1": digest(1), "release-2": DIGEST, "keep-2": DIGEST, "latest": DIGEST}
    made.aws.ecr = FakeEcr({NAME: {digest(1): "old", DIGEST: "new"}}, {(NAME, tag): of for tag, of in tags.items()})
    return made


def test_what_goes_is_shown_and_nothing_is_changed_by_looking(tmp_path):
    made = prunable(tmp_path)
    (found,) = prune.plan(made.run)
    assert report.pruning_lines([found]) == ("- version 1 of fn", f"- image {digest(1)[:19]} (keep-1)")
    assert "can be removed: 1 versions, 1 images" in made.out.getvalue()
    changing = {"delete_function", "batch_delete_image"}
    assert not changing & {name for name, _ in made.aws.functions.calls + made.aws.ecr.calls}


def test_a_weighted_version_stays(tmp_path):
    made = prunable(tmp_path)
    made.aws.functions.weights = {"1": 0.1}
    assert prune.plan(made.run) == ()
    assert "nothing to prune" in made.out.getvalue()


def test_an_interrupt_between_version_and_image_is_completed_by_the_next(tmp_path):
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


def test_a_version_that_runs_a_tag_keeps_every_image(tmp_path):
    made = prunable(tmp_path)
    made.aws.functions.images["1"] = f"{REPOSITORY}:latest"
    with pytest.raises(RefusedError, match="Version 1 of fn names no digest"):
        prune.plan(made.run)


def test_a_function_whose_alias_names_no_version_is_not_pruned(tmp_path):
    made = prunable(tmp_path)
    made.aws.functions.live = "$LATEST"
    with pytest.raises(RefusedError) as caught:
        prune.plan(made.run)
    assert caught.value.hint == "invoke deploy --env sandbox"
