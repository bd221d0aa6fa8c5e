"""A rollback: the version it chooses, its refusals, and that it moves only the alias."""

import json
from dataclasses import replace

import pytest
from botocore.exceptions import EndpointConnectionError
from support.aws import FakeEcr, chunk, healthy, prelude
from support.build import CONFIG, config, manifest
from support.clock import Clock, LaneClock
from support.fleet import OLD_DIGEST, Fleet
from support.world import COMMIT, NAME, REPOSITORY, outputs, state_document, world

from delivery.commands import rollback
from delivery.errors import BuildError, ConfigurationError, RefusedError, UnhealthyError
from delivery.release import hold
from delivery.release.canary import Step
from delivery.settings import Requires

DIGESTS = {number: f"sha256:{number * 64}" for number in "123"}


class ReleasedFunction:
    """Versions 1, 2 and 3 of `fn`, each verified and live once, in that order; 3 serves."""

    def __init__(self, root):
        self.world = world(root)
        self.run, self.fake, self.fake.live = self.world.run, self.world.aws.functions, "3"
        self.fake.versions = [self._version(number) for number in DIGESTS]
        self.fake.commits |= dict.fromkeys(DIGESTS, COMMIT)
        self.fake.images = {number: f"{REPOSITORY}@{digest}" for number, digest in DIGESTS.items()}
        self.fake.responses |= {number: healthy(number) for number in DIGESTS}
        self.ecr = FakeEcr({NAME: {digest: manifest(of=number) for number, digest in DIGESTS.items()}})
        self.world.aws.ecr = self.ecr
        self.world.aws.configs |= dict.fromkeys(self.fake.images.values(), CONFIG)
        for day, (number, digest) in enumerate(DIGESTS.items(), 1):
            self.ecr.tags[NAME, f"release-{number}"] = digest
            self.record("live", day, f"v{number}-after-v{int(number) - 1}" if number != "1" else "v1")

    def record(self, kind, day, words):
        self.ecr.tags[NAME, f"{kind}-2026010{day}T000000.000000Z-{words}-by-ann"] = DIGESTS["1"]

    def forget(self, kind):
        """Delete the tags with this prefix."""
        self.ecr.tags = {key: digest for key, digest in self.ecr.tags.items() if not key[1].startswith(kind)}

    def lose(self, number):
        """Delete the image of a version and its tags."""
        del self.ecr.repositories[NAME][DIGESTS[number]]
        self.ecr.tags = {key: digest for key, digest in self.ecr.tags.items() if digest != DIGESTS[number]}

    def roll_back(self, to="", steps=()):
        return rollback.rollback(self.run, rollback.prepare(self.run, to), steps)

    def refused(self, kind, to=""):
        """Roll back; returns the error, and checks that nothing changed."""
        with pytest.raises(kind) as caught:
            self.roll_back(to)
        assert (self.fake.live, self.fake.called("update_alias")) == ("3", [])
        assert self.ecr.called("put_image") == []
        return caught.value

    @staticmethod
    def _version(number):
        return {"Version": number, "Description": f"commit {COMMIT}", "LastModified": ""}


@pytest.fixture
def released(tmp_path, monkeypatch):
    Clock(tick=0.3).install(monkeypatch)
    return ReleasedFunction(tmp_path)


def test_a_rollback_returns_to_the_version_that_served_before_and_runs_no_tool(released):
    (release,) = released.roll_back()
    assert (release.version, released.fake.live) == ("2", "2")
    assert released.world.stages() == ["guards", "verify", "release"]
    assert released.world.shell.ran == []
    assert "alias live: version 3 -> 2" in released.world.out.getvalue()


def test_the_release_record_names_a_rollback(released):
    released.roll_back()
    (tag,) = (tag for _, tag in released.ecr.tags if tag.startswith("rollback-"))
    assert tag.endswith("-v2-after-v3-by-alice")


def test_the_old_version_is_ready_and_verified_and_its_url_is_open(released):
    released.roll_back()
    assert released.fake.waited == [], "it is active"
    assert [call["Qualifier"] for call in released.fake.called("invoke_with_response_stream")] == ["2"]
    assert set(released.fake.statements) == {"PublicUrl", "PublicUrlInvoke"}


def test_each_further_rollback_goes_further_back_and_never_forward(released):
    released.roll_back()
    released.roll_back()
    assert released.fake.live == "1"
    with pytest.raises(RefusedError, match="There is no release of fn"):
        released.roll_back()
    assert released.fake.live == "1"


def test_a_version_that_was_rolled_back_from_is_not_chosen(released):
    released.record("rollback", 4, "v1-after-v3")
    released.record("live", 5, "v4-after-v1")
    released.fake.versions.append(released._version("3") | {"Version": "4"})
    released.fake.live = "4"
    released.roll_back()
    assert released.fake.live == "1"


@pytest.mark.parametrize("spoil", [lambda released: released.forget("release-2"), lambda released: released.lose("2")])
def test_a_version_without_verification_or_image_is_not_chosen(released, spoil):
    spoil(released)
    released.roll_back()
    assert released.fake.live == "1"


def test_a_verified_version_that_never_served_is_not_chosen(released):
    released.forget("live")
    released.record("live", 1, "v1")
    released.record("live", 2, "v3-after-v1")
    released.roll_back()
    assert released.fake.live == "1"


def test_without_release_records_a_rollback_is_refused_and_names_a_verified_version(released):
    released.forget("live")
    error = released.refused(RefusedError)
    assert error.why == "No version is recorded that served before version 3."
    assert error.hint.startswith("invoke rollback --env sandbox --to 2")


@pytest.mark.parametrize("to", ["1", "sse-streaming:1", "01"])
def test_a_rollback_can_name_its_version(released, to):
    released.roll_back(to)
    assert released.fake.live == "1"


def test_a_rollback_to_the_live_version_is_done_already(released):
    (planned,) = rollback.prepare(released.run, "3")
    assert planned.done
    assert (planned.image, planned.version, planned.commit) == ("sse-streaming", "3", COMMIT)


def test_a_named_version_that_does_not_exist_was_not_verified_or_lost_its_image_is_refused(released):
    assert released.refused(RefusedError, "9").what == "Version 9 of fn does not exist."
    released.forget("release-1")
    assert released.refused(RefusedError, "1").what == "Version 1 of fn was never verified."
    released.forget("live")  # on the image of version 1
    released.lose("1")
    assert "is gone from the registry" in released.refused(BuildError, "1").what


@pytest.mark.parametrize("to", ["x", "other:1", "v1", "1.0"])
def test_a_name_that_is_no_version_ends_with_code_2(released, to):
    assert released.refused(ConfigurationError, to).exit_code == 2


@pytest.mark.parametrize("to", ["x", "v1", "1.0", "0", "-1", ":1", "orders:", "orders:x", "orders:1:2"])
def test_a_malformed_version_is_refused_before_the_environment_is_read(to):
    with pytest.raises(ConfigurationError, match=f"Malformed --to: '{to}'"):
        rollback.require_version(to)


@pytest.mark.parametrize("to", ["", "7", "07", "orders-api:7"])
def test_a_version_may_have_the_name_of_its_image(to):
    rollback.require_version(to)


def test_a_rollback_of_several_functions_needs_the_name_of_an_image(released):
    planned = json.loads(outputs())["functions"]["value"]["sse-streaming"]
    both = {"functions": {"value": {"other": planned, "sse-streaming": planned}}}
    released.world.aws.s3.objects["service.tfstate"] = state_document(outputs=both)
    assert "--to sse-streaming:1" in released.refused(ConfigurationError, "1").hint


def test_a_version_that_no_longer_streams_does_not_become_live(released):
    released.fake.responses["2"] = [chunk(prelude(500)), {"InvokeComplete": {}}]
    assert "it answered 500" in released.refused(UnhealthyError).what


def test_an_alias_that_another_person_moves_during_the_verification_is_not_changed(released):
    def meanwhile():
        yield from healthy("2")
        released.fake.moved_to("1")

    released.fake.responses["2"] = meanwhile()
    with pytest.raises(RefusedError, match="moved by somebody else"):
        released.roll_back()
    assert released.fake.live == "1"


def test_a_rollback_during_a_canary_only_ends_the_canary(released):
    released.fake.moved_to("2", **{"3": 0.1})
    (planned,) = rollback.prepare(released.run)
    assert (planned.version, planned.commit, planned.replaces) == ("2", COMMIT, ("3",))
    assert released.fake.weights == {"3": 0.1}, "a read changes nothing"
    assert rollback.rollback(released.run, (planned,)) == ()
    assert (released.fake.live, released.fake.weights) == ("2", {})


def test_a_rollback_can_go_in_steps(released):
    released.fake.responses["2"] = RepeatedResponse()
    released.roll_back(steps=(Step(0.5, 1),))
    planned = [update["RoutingConfig"]["AdditionalVersionWeights"] for update in released.fake.called("update_alias")]
    assert (planned, released.fake.live) == ([{"2": 0.5}, {}], "2")


class RepeatedResponse:
    """Version 2 answers each request."""

    def __iter__(self):
        return iter(healthy("2"))


def test_an_old_version_is_verified_by_its_own_contract_and_not_by_that_of_the_live_one(released):
    event = {"invoke": {"Records": []}, "expect": {"handled": 0}}
    released.world.aws.configs[released.fake.images["2"]] = config(event)
    released.fake.results["2"] = (b'{"handled": 0}', "")
    (release,) = released.roll_back()
    assert [name for name, _ in released.fake.calls if name.startswith("invoke")] == ["invoke"]
    assert (release.version, release.contract.event) == ("2", {"Records": []})
    assert released.world.aws.opened == [], "an event is no request to the URL"


def test_an_old_version_that_breaks_its_own_contract_does_not_become_live(released):
    released.world.aws.configs[released.fake.images["2"]] = config({"http": "/health"})
    released.fake.results["2"] = (b'{"statusCode": 500}', "")
    error = released.refused(UnhealthyError)
    assert "Version 2 of fn is not healthy: it answered 500, not 200." in error.what
    assert "The alias live of fn was not moved." in error.why


def test_a_version_that_must_not_be_called_becomes_live_and_that_is_said(released):
    released.world.aws.configs[released.fake.images["2"]] = config({"none": "it deletes what it finds"})
    (release,) = released.roll_back()
    assert release.version == "2"
    assert [name for name, _ in released.fake.calls if name.startswith("invoke")] == []
    printed = released.world.out.getvalue()
    assert "! verify     sse-streaming version 2 was not called: it deletes what it finds" in printed
    assert "version 2: active, NOT called: it deletes what it finds" in printed


def forget(fleet, number):
    """The function has served one version only."""
    name = fleet.repository(number)
    fleet.ecr.tags = {key: of for key, of in fleet.ecr.tags.items() if key[0] != name or "-v1" not in key[1]}
    fleet.ecr.tags[name, "live-20260102T000000.000000Z-v2-by-ann"] = fleet.ecr.tags.pop(
        (name, "live-20260102T000000.000000Z-v2-after-v1-by-ann"), OLD_DIGEST
    )


def test_a_function_without_an_earlier_release_is_left_out_and_named(tmp_path):
    fleet = Fleet(tmp_path, 3)
    forget(fleet, 2)
    returns = rollback.prepare(fleet.run)
    assert [planned.image for planned in returns] == ["image-1", "image-3"]
    assert "image-2 stays as it is: There is no release of fn-2 to return to." in fleet.world.out.getvalue()


def test_a_function_that_is_not_live_yet_is_left_out_and_named(tmp_path):
    fleet = Fleet(tmp_path, 2)
    fleet.functions[1].live = ""
    assert [planned.image for planned in rollback.prepare(fleet.run)] == ["image-2"]
    assert "image-1 stays as it is: No version of fn-1 is live." in fleet.world.out.getvalue()


def test_only_the_named_functions_are_rolled_back(tmp_path, monkeypatch):
    LaneClock(tick=0.1).install(monkeypatch)
    fleet = Fleet(tmp_path, 3)
    rollback.rollback(fleet.run, rollback.prepare(fleet.run, only=("image-2",)))
    assert fleet.live() == ["2", "1", "2"]


def test_a_version_without_a_name_is_that_of_the_only_named_function(tmp_path):
    fleet = Fleet(tmp_path, 2)
    (planned,) = rollback.prepare(fleet.run, "1", ("image-2",))
    assert (planned.image, planned.version) == ("image-2", "1")


def test_if_no_named_function_has_an_earlier_release_the_rollback_is_refused(tmp_path):
    fleet = Fleet(tmp_path, 2)
    forget(fleet, 2)
    with pytest.raises(RefusedError, match="There is no release of fn-2 to return to"):
        rollback.prepare(fleet.run, only=("image-2",))


def test_an_unknown_function_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ConfigurationError, match="Unknown function: orders") as caught:
        rollback.prepare(Fleet(tmp_path, 2).run, only=("orders",))
    assert caught.value.why == "Deployed are: image-1, image-2"


def test_a_held_environment_is_rolled_back_all_the_same(released):
    hold.place(released.run, "incident 42", "")
    (release,) = released.roll_back()
    assert (release.version, released.fake.live) == ("2", "2")


def requiring(released):
    """The environment requires a signature."""
    settings = replace(released.run.settings, requires=Requires(signed_by=["awskms:///alias/images"]))
    object.__setattr__(released.run, "settings", settings)


def test_a_rollback_to_an_unsigned_image_warns_and_goes_on(released):
    requiring(released)
    (release,) = released.roll_back()
    assert (release.version, released.fake.live) == ("2", "2")
    assert f"sse-streaming version 2: {NAME}@{DIGESTS['2'][:19]} has no trusted SBOM" in released.world.out.getvalue()


def test_a_rollback_does_not_wait_for_kms(released):
    requiring(released)
    released.world.aws.keys.refuses["get_public_key"] = EndpointConnectionError(endpoint_url="https://kms.test")
    (release,) = released.roll_back()
    assert release.version == "2"
    assert "kms:GetPublicKey" in released.world.out.getvalue()


def test_a_rollback_where_no_signature_is_required_asks_for_none(released):
    released.roll_back()
    assert released.ecr.called("list_image_referrers") == []
