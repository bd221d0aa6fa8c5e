"""The story of a rollback: where it goes to, what it refuses, and that nothing but the alias moves."""

import json

import pytest
from support.aws import FakeEcr, chunk, healthy, prelude
from support.build import manifest
from support.clock import Clock
from support.world import COMMIT, NAME, REPOSITORY, outputs, state, world

from delivery.commands import rollback
from delivery.errors import BuildError, ConfigurationError, RefusedError, UnhealthyError
from delivery.release.canary import Step

DIGESTS = {number: f"sha256:{number * 64}" for number in "123"}


class Place:
    """Versions 1, 2 and 3 of `fn`, each verified and live once, in that order; 3 serves."""

    def __init__(self, root):
        self.world = world(root)
        self.run, self.fake, self.fake.live = self.world.run, self.world.aws.functions, "3"
        self.fake.versions = [self._version(number) for number in DIGESTS]
        self.fake.commits |= dict.fromkeys(DIGESTS, COMMIT)
        self.fake.images = {number: f"{REPOSITORY}@{digest}" for number, digest in DIGESTS.items()}
        for number, digest in DIGESTS.items():
            self.fake.responses[number] = healthy(version=number, digest=digest, commit=COMMIT)
        self.ecr = FakeEcr({NAME: {digest: manifest(of=number) for number, digest in DIGESTS.items()}})
        self.world.aws.ecr = self.ecr
        for day, (number, digest) in enumerate(DIGESTS.items(), 1):
            self.ecr.tags[NAME, f"release-{number}"] = digest
            self.event("live", day, f"v{number}-after-v{int(number) - 1}" if number != "1" else "v1")

    def event(self, kind, day, words):
        self.ecr.tags[NAME, f"{kind}-2026010{day}T000000.000000Z-{words}-by-ann"] = DIGESTS["1"]

    def forget(self, kind):
        """The tags that begin so are gone."""
        self.ecr.tags = {key: digest for key, digest in self.ecr.tags.items() if not key[1].startswith(kind)}

    def lose(self, number):
        """The image of a version is gone, and its tags with it."""
        del self.ecr.repositories[NAME][DIGESTS[number]]
        self.ecr.tags = {key: digest for key, digest in self.ecr.tags.items() if digest != DIGESTS[number]}

    def back(self, to="", steps=()):
        return rollback.rollback(self.run, rollback.prepare(self.run, to), steps)

    def refused(self, kind, to=""):
        """What it raises; nothing has changed."""
        with pytest.raises(kind) as caught:
            self.back(to)
        assert (self.fake.live, self.fake.called("update_alias")) == ("3", [])
        assert self.ecr.called("put_image") == []
        return caught.value

    @staticmethod
    def _version(number):
        variables = {"Variables": {"IMAGE_DIGEST": DIGESTS[number]}}
        return {"Version": number, "Description": f"commit {COMMIT}", "LastModified": "", "Environment": variables}


@pytest.fixture
def place(tmp_path, monkeypatch):
    Clock(tick=0.3).install(monkeypatch)
    return Place(tmp_path)


def test_it_goes_to_what_served_before_and_no_tool_runs(place):
    (release,) = place.back()
    assert (release.version, place.fake.live) == ("2", "2")
    assert place.world.stages() == ["guards", "verify", "release"]
    assert place.world.shell.ran == []
    assert "alias live: version 3 -> 2" in place.world.out.getvalue()


def test_its_event_tells_it_from_a_deploy(place):
    place.back()
    (tag,) = (tag for _, tag in place.ecr.tags if tag.startswith("rollback-"))
    assert tag.endswith("-v2-after-v3-by-alice")


def test_the_old_version_is_ready_and_verified_again_and_the_url_is_open_as_after_a_deploy(place):
    place.back()
    assert [wait["version"] for wait in place.fake.waited] == ["2"]
    assert [call["Qualifier"] for call in place.fake.called("invoke_with_response_stream")] == ["2"]
    assert set(place.fake.statements) == {"PublicUrl", "PublicUrlInvoke"}


def test_again_and_again_it_goes_further_back_and_never_forward(place):
    place.back()
    place.back()
    assert place.fake.live == "1"
    with pytest.raises(RefusedError, match="There is no release of fn"):
        place.back()
    assert place.fake.live == "1"


def test_what_was_rolled_back_from_is_passed_over(place):
    place.event("rollback", 4, "v1-after-v3")
    place.event("live", 5, "v4-after-v1")
    place.fake.versions.append(place._version("3") | {"Version": "4"})
    place.fake.live = "4"
    place.back()
    assert place.fake.live == "1"


@pytest.mark.parametrize("spoil", [lambda place: place.forget("release-2"), lambda place: place.lose("2")])
def test_a_version_that_was_never_verified_or_whose_image_is_gone_is_passed_over(place, spoil):
    spoil(place)
    place.back()
    assert place.fake.live == "1"


def test_a_version_that_was_verified_and_never_served_is_passed_over(place):
    place.forget("live")
    place.event("live", 1, "v1")
    place.event("live", 2, "v3-after-v1")
    place.back()
    assert place.fake.live == "1"


def test_without_any_record_it_guesses_nothing_and_says_what_was_verified(place):
    place.forget("live")
    error = place.refused(RefusedError)
    assert error.why == "No version is recorded that served before version 3."
    assert error.hint.startswith("invoke rollback --env sandbox --to 2")


@pytest.mark.parametrize("to", ["1", "sse-streaming:1", "01"])
def test_a_version_can_be_named(place, to):
    place.back(to)
    assert place.fake.live == "1"


def test_what_is_live_already_is_said_to_be_and_nothing_is_done(place):
    (found,) = rollback.prepare(place.run, "3")
    assert found.done
    assert (found.image, found.version, found.commit) == ("sse-streaming", "3", COMMIT)


def test_a_named_version_that_does_not_exist_was_not_verified_or_lost_its_image_is_refused(place):
    assert place.refused(RefusedError, "9").what == "Version 9 of fn does not exist."
    place.forget("release-1")
    assert place.refused(RefusedError, "1").what == "Version 1 of fn was never verified."
    place.forget("live")  # on the image of version 1
    place.lose("1")
    assert "is gone from the registry" in place.refused(BuildError, "1").what


@pytest.mark.parametrize("to", ["x", "other:1", "v1", "1.0"])
def test_what_names_no_version_is_a_mistake_in_typing(place, to):
    assert place.refused(ConfigurationError, to).exit_code == 2


def test_of_several_functions_one_has_to_be_named(place):
    found = json.loads(outputs())["functions"]["value"]["sse-streaming"]
    both = {"functions": {"value": {"other": found, "sse-streaming": found}}}
    place.world.aws.s3.objects["service.tfstate"] = state(outputs=both)
    assert "--to sse-streaming:1" in place.refused(ConfigurationError, "1").hint


def test_a_version_that_no_longer_streams_does_not_become_live(place):
    place.fake.responses["2"] = [chunk(prelude(500)), {"InvokeComplete": {}}]
    assert "it answered 500" in place.refused(UnhealthyError).what


def test_somebody_who_moves_the_alias_during_the_verification_has_the_last_word(place):
    def meanwhile():
        yield from healthy(version="2", digest=DIGESTS["2"], commit=COMMIT)
        place.fake.moved_to("1")

    place.fake.responses["2"] = meanwhile()
    with pytest.raises(RefusedError, match="moved by somebody else"):
        place.back()
    assert place.fake.live == "1"


def test_during_a_canary_it_only_ends_the_canary(place):
    place.fake.moved_to("2", **{"3": 0.1})
    (found,) = rollback.prepare(place.run)
    assert (found.version, found.commit, found.replaces) == ("2", COMMIT, ("3",))
    assert place.fake.weights == {"3": 0.1}, "looking changes nothing"
    assert rollback.rollback(place.run, (found,)) == ()
    assert (place.fake.live, place.fake.weights) == ("2", {})


def test_it_can_go_back_in_steps(place):
    place.fake.responses["2"] = Again()
    place.back(steps=(Step(0.5, 1),))
    found = [update["RoutingConfig"]["AdditionalVersionWeights"] for update in place.fake.called("update_alias")]
    assert (found, place.fake.live) == ([{"2": 0.5}, {}], "2")


class Again:
    """Version 2 answers as often as it is asked."""

    def __iter__(self):
        return iter(healthy(version="2", digest=DIGESTS["2"], commit=COMMIT))
