"""The story of a promotion: what is refused before a byte is copied, and what the target has afterwards."""

import json

import pytest
from support.aws import FakeEcr
from support.registry import FakeRegistry, digest_of, image
from support.world import COMMIT, NAME, answers, state, world

from delivery.commands import promote
from delivery.errors import BuildError, CloudError, ConfigurationError, RefusedError, UnhealthyError
from delivery.process.shell import Result
from delivery.settings import Environment

TEXT, BLOBS = image()
DIGEST = digest_of(TEXT.encode())
OTHER = "sha256:" + "e" * 64
PROD = "prod-sse-streaming-lambda"
HOST = "registry.test:5000"


class Places:
    """`sandbox`, where version 2 is live and verified, and `prod`, with a repository and nothing else."""

    def __init__(self, root, monkeypatch, shell=None):
        environment = Environment("prod", "222222222222", "eu-west-1", HOST, protected=True, state_bucket="state")
        self.origin = world(root, answers())
        self.target = world(root, shell or answers(), environment=environment)
        self.target.aws.s3.objects.clear()
        fake = self.origin.aws
        fake.ecr = FakeEcr({NAME: {DIGEST: TEXT}}, {(NAME, "release-2"): DIGEST})
        fake.functions.live = "2"
        fake.functions.versions = [{"Version": "2", "Description": f"commit {COMMIT}", "LastModified": ""}]
        fake.functions.images["2"] = f"{HOST}/{NAME}@{DIGEST}"
        self.target.aws.ecr = FakeEcr({PROD: {}})
        self.registry = FakeRegistry(fake.ecr, self.target.aws.ecr).install(monkeypatch)
        self.registry.blobs[NAME] = dict(BLOBS)

    def prepare(self, commit=None):
        return promote.prepare(self.origin.run, self.target.run, commit)

    def promote(self):
        promote.promote(self.origin.run, self.target.run, self.prepare())

    def refused(self, kind, commit=None):
        """What preparing raises; nothing was copied or tagged."""
        with pytest.raises(kind) as caught:
            self.prepare(commit)
        assert self.registry.asked == []
        assert not [name for name, _ in self.target.aws.ecr.calls if name.startswith("put")]
        return caught.value


@pytest.fixture
def places(tmp_path, monkeypatch):
    return Places(tmp_path, monkeypatch)


def test_what_is_live_and_verified_arrives_under_the_same_digest_and_its_commit_s_tag(places):
    places.promote()
    ecr = places.target.aws.ecr
    assert ecr.repositories[PROD] == {DIGEST: TEXT}
    assert ecr.tags == {(PROD, COMMIT): DIGEST, (PROD, "latest"): DIGEST}
    assert places.registry.blobs[PROD] == BLOBS
    assert f"✓ copy       {PROD}@{DIGEST} (2.5 MB copied)" in places.target.out.getvalue()


def test_nothing_is_built_and_nothing_changes_in_the_source(places):
    places.promote()
    ran = places.origin.shell.ran + places.target.shell.ran
    assert {command.argv[0] for command in ran} == {"git"}
    written = [name for name, _ in places.origin.aws.ecr.calls + places.origin.aws.functions.calls]
    assert {name.split("_")[0] for name in written} == {"get", "list", "describe", "batch"}


def test_the_live_version_is_taken_and_not_the_newest(places):
    places.origin.aws.functions.versions.append({"Version": "3", "Description": "commit new", "LastModified": ""})
    places.origin.aws.s3.objects["service.tfstate"] = state("3")
    (found,) = places.prepare()
    assert (found.version, found.commit, found.image.digest) == ("2", COMMIT, DIGEST)


def test_a_live_version_without_a_release_tag_was_never_verified(places):
    places.origin.aws.ecr.tags.clear()
    error = places.refused(RefusedError)
    assert error.what == "Version 2 of fn is live, and was never verified."
    assert error.hint == "invoke deploy --env sandbox, which verifies before it makes a version live"


def test_a_release_tag_on_another_image_verifies_nothing(places):
    places.origin.aws.ecr.repositories[NAME][OTHER] = "another"
    places.origin.aws.ecr.tags[NAME, "release-2"] = OTHER
    assert f"release-2 names {OTHER}" in places.refused(RefusedError).why


def test_a_digest_that_is_gone_from_the_source_is_told_with_the_version_that_runs_it(places):
    places.origin.aws.ecr.repositories[NAME].clear()
    places.origin.aws.ecr.tags.clear()
    error = places.refused(BuildError)
    assert (error.exit_code, error.why) == (5, "Version 2 of fn runs it.")
    assert DIGEST in error.what
    assert "--env sandbox" in error.hint


def test_the_commit_s_tag_is_not_taken_from_another_image(places):
    places.target.aws.ecr.repositories[PROD][OTHER] = "another"
    places.target.aws.ecr.tags[PROD, COMMIT] = OTHER
    error = places.refused(RefusedError)
    assert (error.exit_code, error.what) == (4, f"{PROD}:{COMMIT} is another image already.")
    assert error.why == f"It is {OTHER}; this one is {DIGEST}."


@pytest.mark.parametrize("commit", [COMMIT, COMMIT[:8]])
def test_the_commit_that_is_live_may_be_asked_for_whole_or_by_its_first_digits(places, commit):
    assert places.prepare(commit)[0].commit == COMMIT


def test_another_commit_than_the_live_one_is_not_promoted(places):
    error = places.refused(RefusedError, "abc1234")
    assert error.what == "Commit abc1234 is not live in sandbox."
    assert COMMIT in error.why


def test_what_was_built_from_changes_is_not_promoted(places):
    places.origin.aws.functions.versions[0]["Description"] = f"commit {COMMIT}-dirty"
    assert "work tree with changes" in places.refused(RefusedError).what


def test_a_protected_target_takes_only_commits_of_the_default_branch(places):
    places.target.shell.answers["git merge-base"] = Result(1, "", "")
    assert "is not on the default branch" in places.refused(RefusedError).what


def test_a_missing_repository_names_the_target(places):
    places.target.aws.ecr.repositories.clear()
    error = places.refused(CloudError)
    assert (error.what, error.hint) == (f"The repository does not exist: {PROD}", "invoke bootstrap --env prod")


def test_a_source_where_nothing_is_deployed_is_named(places):
    places.origin.aws.s3.objects.clear()
    assert places.refused(UnhealthyError).hint == "invoke deploy --env sandbox"


def test_an_environment_is_not_promoted_to_itself(places):
    places.target = places.origin
    assert isinstance(places.refused(ConfigurationError), ConfigurationError)


@pytest.mark.parametrize(("digest", "live"), [(DIGEST, True), (OTHER, False)])
def test_it_is_known_whether_the_target_serves_that_digest_already(places, digest, live):
    places.target.aws.s3.objects["service.tfstate"] = state("7")
    places.target.aws.functions.live = "7"
    places.target.aws.functions.images["7"] = f"{HOST}/{PROD}@{digest}"
    assert [found.live for found in places.prepare()] == [live]


def test_an_image_that_disappears_before_it_is_copied_is_told(places):
    found = places.prepare()
    places.origin.aws.ecr.repositories[NAME].clear()
    with pytest.raises(BuildError, match="is gone from the registry"):
        promote.promote(places.origin.run, places.target.run, found)
    assert places.target.aws.ecr.tags == {}


def test_a_manifest_whose_bytes_are_not_those_of_its_digest_is_not_copied(places):
    found = places.prepare()
    places.origin.aws.ecr.repositories[NAME][DIGEST] = json.dumps(json.loads(TEXT))
    with pytest.raises(BuildError):
        promote.promote(places.origin.run, places.target.run, found)
    assert places.target.aws.ecr.repositories[PROD] == {}


def test_a_tag_that_somebody_takes_while_the_image_is_copied_is_left_to_them(places):
    found = places.prepare()
    places.target.aws.ecr.repositories[PROD][OTHER] = "another"
    places.target.aws.ecr.tags[PROD, COMMIT] = OTHER
    with pytest.raises(RefusedError, match="is another image already"):
        promote.promote(places.origin.run, places.target.run, found)
    assert places.target.aws.ecr.tags == {(PROD, COMMIT): OTHER}
