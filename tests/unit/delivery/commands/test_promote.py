"""A promotion: refusals before the first byte is copied, and the content of the destination afterwards."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.attested import BUILDER, KEY, Attested, provenance
from support.aws import FakeEcr
from support.registry import FakeRegistry, digest_of, image
from support.world import COMMIT, NAME, answers, state_document, world

from delivery import clock
from delivery.attestation import PROVENANCE, SBOM
from delivery.cli import report
from delivery.commands import promote
from delivery.errors import BuildError, CloudError, ConfigurationError, RefusedError, UnhealthyError
from delivery.process.shell import Result
from delivery.settings import Environment, Requires

TEXT, BLOBS = image()
DIGEST = digest_of(TEXT.encode())
OTHER = "sha256:" + "e" * 64
OLD_YES = "accepted-20260102T080910.000000Z-by-ann"
NEW_NO = "rejected-20260103T080910.000000Z-by-ann"
PROD = "prod-sse-streaming-lambda"
HOST = "registry.test:5000"


class Promotions:
    """`sandbox`, where version 2 is live and verified, and `prod`, with a repository and nothing else."""

    def __init__(self, root, monkeypatch, shell=None):
        environment = Environment("prod", "222222222222", "eu-west-1", HOST, protected=True, state_bucket="state")
        self.origin = world(root, answers())
        self.destination = world(root, shell or answers(), environment=environment)
        del self.destination.aws.s3.objects["service.tfstate"]
        fake = self.origin.aws
        fake.ecr = FakeEcr({NAME: {DIGEST: TEXT}}, {(NAME, "release-2"): DIGEST})
        fake.functions.live = "2"
        fake.functions.versions = [{"Version": "2", "Description": f"commit {COMMIT}", "LastModified": ""}]
        fake.functions.images["2"], fake.functions.commits["2"] = f"{HOST}/{NAME}@{DIGEST}", COMMIT
        self.destination.aws.ecr = FakeEcr({PROD: {}})
        self.registry = FakeRegistry(fake.ecr, self.destination.aws.ecr).install(monkeypatch)
        self.registry.blobs[NAME] = dict(BLOBS)

    def prepare(self, commit=None):
        return promote.prepare(self.origin.run, self.destination.run, commit)

    def promote(self):
        promote.promote(self.origin.run, self.destination.run, self.prepare())

    def refused(self, kind, commit=None):
        """Prepare; returns the error, and checks that nothing was copied or tagged."""
        with pytest.raises(kind) as caught:
            self.prepare(commit)
        assert self.registry.asked == []
        assert not [name for name, _ in self.destination.aws.ecr.calls if name.startswith("put")]
        return caught.value


@pytest.fixture
def environments(tmp_path, monkeypatch):
    return Promotions(tmp_path, monkeypatch)


@pytest.mark.parametrize("commit", ["main", "HEAD~1", "0x12", "a" * 41, "ABC"])
def test_a_malformed_commit_is_refused_before_an_environment_is_read(commit):
    with pytest.raises(ConfigurationError) as caught:
        promote.require_options("preprod", "prod", commit)
    assert caught.value.what == f"Malformed --commit: {commit!r}"


@pytest.mark.parametrize(
    ("source", "destination", "what"),
    [
        (None, "prod", "A promotion needs --from."),
        ("preprod", None, "A promotion needs --to."),
        ("preprod", "", "A promotion needs --to."),
        ("prod", "prod", "--from and --to name the same environment."),
    ],
)
def test_a_promotion_names_two_environments(source, destination, what):
    with pytest.raises(ConfigurationError) as caught:
        promote.require_options(source, destination, None)
    assert caught.value.what == what


@pytest.mark.parametrize("commit", [None, "", "1a2b3c4d", "a" * 40, "b" * 40 + "-dirty"])
def test_the_options_of_a_promotion_are_taken(commit):
    promote.require_options("preprod", "prod", commit)


def test_the_live_verified_image_arrives_with_the_same_digest_and_the_tag_of_its_commit(environments):
    environments.promote()
    ecr = environments.destination.aws.ecr
    assert ecr.repositories[PROD] == {DIGEST: TEXT}
    assert ecr.tags == {(PROD, COMMIT): DIGEST, (PROD, "latest"): DIGEST}
    assert environments.registry.blobs[PROD] == BLOBS
    assert f"✓ copy       {PROD}@{DIGEST} (2.5 MB copied)" in environments.destination.out.getvalue()


def test_a_promotion_builds_nothing_and_changes_nothing_in_the_source(environments):
    environments.promote()
    ran = environments.origin.shell.ran + environments.destination.shell.ran
    assert {command.argv[0] for command in ran} == {"git"}
    written = [name for name, _ in environments.origin.aws.ecr.calls + environments.origin.aws.functions.calls]
    assert {name.split("_")[0] for name in written} == {"get", "list", "describe"}


def test_a_promotion_takes_the_live_version_and_not_the_newest(environments):
    environments.origin.aws.functions.versions.append({"Version": "3", "Description": "commit new", "LastModified": ""})
    (promotions,) = environments.prepare()
    assert (promotions.version, promotions.commit, promotions.image.digest) == ("2", COMMIT, DIGEST)


def scanned(environments, *severities, limit="CRITICAL"):
    """The source's ECR knows CVE-0, CVE-1, ... of these severities; prod requires that there is none."""
    findings = [{"name": f"CVE-{number}", "severity": severity} for number, severity in enumerate(severities)]
    answer = {"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": {"findings": findings}}
    environments.origin.aws.ecr.scans[DIGEST] = [answer]
    made = environments.destination
    settings = replace(made.run.settings, requires=Requires(vulnerabilities=limit))
    environments.destination = replace(made, run=replace(made.run, settings=settings))


def test_a_vulnerable_image_is_not_promoted_to_an_environment_that_takes_none(environments):
    scanned(environments, "CRITICAL")
    error = environments.refused(RefusedError)
    assert error.what.startswith("prod takes no image with a CRITICAL vulnerability: 1 known vulnerability in ")
    assert environments.destination.aws.ecr.called("describe_image_scan_findings") == [], "the source has the image"


def test_a_vulnerability_that_the_commit_accepts_lets_the_promotion_pass(environments, tmp_path):
    scanned(environments, "CRITICAL")
    entry = '[[IgnoredVulns]]\nid = "CVE-0"\nignoreUntil = 2999-01-01\nreason = "a test"\n'
    (tmp_path / "osv-scanner.toml").write_text(entry)
    environments.promote()
    assert environments.destination.aws.ecr.tags[PROD, COMMIT] == DIGEST


def test_a_promotion_shows_what_ecr_knows_and_refuses_nothing_without_the_setting(environments):
    scanned(environments, "CRITICAL", "HIGH", limit="")
    (promotion,) = environments.prepare()
    assert report.promotion_lines([promotion])[0].endswith(f"commit {COMMIT[:12]}; scan: 1 critical, 1 high")


def test_a_malformed_exception_stops_a_promotion_in_its_guards(environments, tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 27, tzinfo=UTC))
    scanned(environments)
    (tmp_path / "osv-scanner.toml").write_text('[[IgnoredVulns]]\nid = "CVE-0"\n')
    assert environments.refused(ConfigurationError).exit_code == 2


def test_a_live_version_without_a_release_tag_was_never_verified(environments):
    environments.origin.aws.ecr.tags.clear()
    error = environments.refused(RefusedError)
    assert error.what == "Version 2 of fn is live, and was never verified."
    assert error.hint == "invoke deploy --env sandbox, which verifies before it makes a version live"


def test_a_release_tag_on_another_image_verifies_nothing(environments):
    environments.origin.aws.ecr.repositories[NAME][OTHER] = "another"
    environments.origin.aws.ecr.tags[NAME, "release-2"] = OTHER
    assert f"release-2 names {OTHER}" in environments.refused(RefusedError).why


def test_a_digest_that_the_source_lost_is_named_with_the_version_that_runs_it(environments):
    environments.origin.aws.ecr.repositories[NAME].clear()
    environments.origin.aws.ecr.tags.clear()
    error = environments.refused(BuildError)
    assert (error.exit_code, error.why) == (5, "Version 2 of fn runs it.")
    assert DIGEST in error.what
    assert "--env sandbox" in error.hint


def test_the_tag_of_the_commit_is_not_moved_from_another_image(environments):
    environments.destination.aws.ecr.repositories[PROD][OTHER] = "another"
    environments.destination.aws.ecr.tags[PROD, COMMIT] = OTHER
    error = environments.refused(RefusedError)
    assert (error.exit_code, error.what) == (4, f"{PROD}:{COMMIT} is another image already.")
    assert error.why == f"It is {OTHER}; this one is {DIGEST}."


@pytest.mark.parametrize("commit", [COMMIT, COMMIT[:8]])
def test_the_live_commit_can_be_named_in_full_or_by_its_first_digits(environments, commit):
    assert environments.prepare(commit)[0].commit == COMMIT


def test_another_commit_than_the_live_one_is_not_promoted(environments):
    error = environments.refused(RefusedError, "abc1234")
    assert error.what == "Commit abc1234 is not live in sandbox."
    assert COMMIT in error.why


def test_an_image_of_a_work_tree_with_changes_is_not_promoted(environments):
    environments.origin.aws.functions.commits["2"] = f"{COMMIT}-dirty"
    assert "work tree with changes" in environments.refused(RefusedError).what


def test_a_clean_commit_of_the_same_image_is_promoted_instead_of_a_work_tree_with_changes(environments):
    environments.origin.aws.functions.commits["2"] = f"{COMMIT}-dirty"
    environments.origin.aws.ecr.tags[NAME, COMMIT] = DIGEST
    assert [promotion.commit for promotion in environments.prepare()] == [COMMIT]


def test_a_commit_that_did_not_change_the_image_can_be_promoted_by_its_name(environments):
    """It made no version: its tag names the image that is live."""
    later = "d" * 40
    environments.origin.aws.ecr.tags[NAME, later] = DIGEST
    assert [promotion.commit for promotion in environments.prepare("dddd")] == [later]
    assert [promotion.commit for promotion in environments.prepare()] == [COMMIT]


def test_the_commit_that_is_checked_out_is_promoted_if_it_has_the_live_image(environments):
    environments.origin.aws.functions.commits["2"] = "b" * 40
    assert [promotion.commit for promotion in environments.prepare()] == ["b" * 40]
    environments.origin.aws.ecr.tags[NAME, COMMIT] = DIGEST
    assert [promotion.commit for promotion in environments.prepare()] == [COMMIT]


def test_a_work_tree_with_changes_that_did_not_change_the_image_does_not_hide_the_commit_of_the_version(environments):
    """Its deploy made no version, and gave the image one more tag."""
    environments.origin.aws.functions.commits["2"] = "b" * 40
    environments.origin.aws.ecr.tags[NAME, f"{COMMIT}-dirty"] = DIGEST
    object.__setattr__(environments.origin.run.commit, "dirty", True)
    assert [promotion.commit for promotion in environments.prepare()] == ["b" * 40]


def test_a_version_of_a_work_tree_with_changes_is_promoted_as_the_clean_commit_of_its_image(environments):
    """Somebody committed the changes and deployed again, and another commit is checked out here."""
    environments.origin.aws.functions.commits["2"] = f"{'b' * 40}-dirty"
    environments.origin.aws.ecr.tags |= {(NAME, f"{'b' * 40}-dirty"): DIGEST, (NAME, "d" * 40): DIGEST}
    assert [promotion.commit for promotion in environments.prepare()] == ["d" * 40]


def test_of_two_commits_with_the_named_digits_the_one_of_the_version_is_promoted(environments):
    """Both have the same image."""
    first, second = "abc" + "1" * 37, "abc" + "2" * 37
    environments.origin.aws.functions.commits["2"] = second
    environments.origin.aws.ecr.tags |= {(NAME, commit): DIGEST for commit in (first, second)}
    assert [promotion.commit for promotion in environments.prepare("abc")] == [second]


def requiring(environments):
    """The destination takes only accepted images."""
    run = environments.destination.run
    object.__setattr__(run, "settings", replace(run.settings, requires_acceptance=True))


@pytest.mark.parametrize("tags", [[], [OLD_YES, NEW_NO], [NEW_NO], ["accepted-by-me"]])
def test_an_image_that_is_not_accepted_is_refused_where_the_environment_requires_it(environments, tags):
    environments.origin.aws.ecr.tags |= {(NAME, tag): DIGEST for tag in tags}
    environments.prepare()
    requiring(environments)
    error = environments.refused(RefusedError)
    assert error.what == f"sse-streaming version 2 ({DIGEST[:19]}) is not accepted in sandbox."
    assert "requires_acceptance in invoke.yaml" in error.why
    assert ("failed at 2026-01-03T08:09:10.000000Z (ann)" in error.why) == (NEW_NO in tags)
    assert error.hint == "`invoke acceptance --env sandbox`, then the same command again"


def test_the_acceptance_of_another_image_accepts_nothing(environments):
    environments.origin.aws.ecr.repositories[NAME][OTHER] = "another"
    environments.origin.aws.ecr.tags[NAME, OLD_YES] = OTHER
    requiring(environments)
    environments.refused(RefusedError)


def test_an_accepted_image_is_promoted_and_its_record_stays_in_the_source(environments):
    environments.origin.aws.ecr.tags |= {(NAME, OLD_YES): DIGEST}
    requiring(environments)
    environments.promote()
    assert environments.destination.aws.ecr.tags == {(PROD, COMMIT): DIGEST, (PROD, "latest"): DIGEST}


def test_a_protected_destination_takes_only_commits_of_the_default_branch(environments):
    environments.destination.shell.answers["git merge-base"] = Result(1, "", "")
    assert "is not on the default branch" in environments.refused(RefusedError).what


def test_a_missing_repository_names_the_destination(environments):
    environments.destination.aws.ecr.repositories.clear()
    error = environments.refused(CloudError)
    assert (error.what, error.hint) == (f"The repository does not exist: {PROD}", "invoke bootstrap --env prod")


def test_a_source_where_nothing_is_deployed_is_named(environments):
    environments.origin.aws.s3.objects.clear()
    assert environments.refused(UnhealthyError).hint == "invoke deploy --env sandbox"


@pytest.mark.parametrize(
    ("digest", "tag", "live"), [(DIGEST, COMMIT, True), (OTHER, COMMIT, False), (DIGEST, "a" * 40, False)]
)
def test_a_promotion_knows_whether_the_destination_serves_the_digest_with_the_tag_of_the_commit(
    environments, digest, tag, live
):
    environments.destination.aws.ecr.repositories[PROD] = {DIGEST: TEXT}
    environments.destination.aws.ecr.tags[PROD, tag] = DIGEST
    environments.destination.aws.s3.objects["service.tfstate"] = state_document()
    environments.destination.aws.functions.live = "7"
    environments.destination.aws.functions.commits["7"] = COMMIT
    environments.destination.aws.functions.images["7"] = f"{HOST}/{PROD}@{digest}"
    assert [promotions.live for promotions in environments.prepare()] == [live]


def test_an_image_that_disappears_before_the_copy_stops_the_promotion(environments):
    promotions = environments.prepare()
    environments.origin.aws.ecr.repositories[NAME].clear()
    with pytest.raises(BuildError, match="is gone from the registry"):
        promote.promote(environments.origin.run, environments.destination.run, promotions)
    assert environments.destination.aws.ecr.tags == {}


def test_a_manifest_that_does_not_match_its_digest_is_not_copied(environments):
    promotions = environments.prepare()
    environments.origin.aws.ecr.repositories[NAME][DIGEST] = json.dumps(json.loads(TEXT))
    with pytest.raises(BuildError):
        promote.promote(environments.origin.run, environments.destination.run, promotions)
    assert environments.destination.aws.ecr.repositories[PROD] == {}


def test_a_tag_that_another_person_takes_during_the_copy_is_not_moved(environments):
    promotions = environments.prepare()
    environments.destination.aws.ecr.repositories[PROD][OTHER] = "another"
    environments.destination.aws.ecr.tags[PROD, COMMIT] = OTHER
    with pytest.raises(RefusedError, match="is another image already"):
        promote.promote(environments.origin.run, environments.destination.run, promotions)
    assert environments.destination.aws.ecr.tags == {(PROD, COMMIT): OTHER}


class Signed(Promotions):
    """The same, where the destination requires a signature; its key is in its account. `beside`: the source's image."""

    def __init__(self, root, monkeypatch):
        super().__init__(root, monkeypatch)
        self.requires(signed_by=[KEY], builder=BUILDER)
        self.beside = Attested(self.origin.aws, self.registry, NAME)

    def requires(self, **changes):
        run = self.destination.run
        object.__setattr__(run, "settings", replace(run.settings, requires=Requires(**changes)))

    def copies(self):
        """The kinds of the attestations in the destination."""
        return Attested(self.destination.aws, self.registry, PROD).kinds()


@pytest.fixture
def signed(tmp_path, monkeypatch):
    return Signed(tmp_path, monkeypatch)


def test_what_is_signed_beside_the_image_arrives_with_it_and_before_its_tag(signed):
    signed.beside.sign()
    signed.promote()
    ecr = signed.destination.aws.ecr
    assert signed.copies() == sorted([SBOM, PROVENANCE])
    assert ecr.repositories[PROD] == signed.origin.aws.ecr.repositories[NAME], "the same bytes"
    assert list(ecr.tags)[-2:] == [(PROD, COMMIT), (PROD, "latest")], "the tags of the image come last"
    assert "(2.5 MB copied), 2 attestations" in signed.destination.out.getvalue()


def test_the_destination_verifies_with_its_own_credentials(signed):
    signed.beside.sign()
    before = len(signed.origin.aws.keys.calls)
    signed.promote()
    assert len(signed.origin.aws.keys.calls) == before
    assert {given["KeyId"] for given in signed.destination.aws.keys.called("verify")} == {"alias/images"}


def test_an_unsigned_image_is_not_copied_where_a_signature_is_required(signed):
    error = signed.refused(RefusedError)
    assert error.what == f"{NAME}@{DIGEST[:19]} has no trusted SBOM and no trusted provenance."
    assert error.hint.startswith("`invoke push-image --env sandbox`")


def test_an_image_whose_commit_has_no_provenance_is_not_copied(signed):
    """Somebody pushed an image that is signed for another commit under the tag of a merged one."""
    signed.beside.sign(commit="d" * 40)
    with pytest.raises(RefusedError, match="no trusted provenance"):
        signed.prepare()
    assert signed.destination.aws.ecr.repositories[PROD] == {}


def test_a_promotion_that_was_cut_off_between_image_and_attestations_is_completed_by_the_next(signed):
    signed.beside.sign()
    promotions = signed.prepare()
    signed.registry.answers.append(("PUT", f"{PROD}/manifests/sha256-", OSError("cut off")))
    with pytest.raises(OSError, match="cut off"):
        promote.promote(signed.origin.run, signed.destination.run, promotions)
    assert DIGEST in signed.destination.aws.ecr.repositories[PROD], "the image is there"
    assert not any(tag == COMMIT for _, tag in signed.destination.aws.ecr.tags), "and has no tag of its commit"
    signed.promote()
    assert signed.copies() == sorted([SBOM, PROVENANCE])
    assert signed.destination.aws.ecr.tags[PROD, COMMIT] == DIGEST


def test_an_image_that_lost_its_attestations_in_the_destination_is_not_finished(signed):
    signed.beside.sign()
    signed.promote()
    signed.destination.aws.s3.objects["service.tfstate"] = state_document()
    signed.destination.aws.functions.live = "7"
    signed.destination.aws.functions.images["7"] = f"{HOST}/{PROD}@{DIGEST}"
    signed.destination.aws.functions.commits["7"] = COMMIT
    assert [promotion.live for promotion in signed.prepare()] == [True]
    held = signed.destination.aws.ecr.repositories[PROD]
    for digest in [digest for digest in held if digest != DIGEST]:
        del held[digest]
    assert [promotion.live for promotion in signed.prepare()] == [False]
    signed.promote()
    assert signed.copies() == sorted([SBOM, PROVENANCE])


def test_attestations_without_their_image_make_no_image_trusted(signed):
    """The attestations of the image, moved beside another one that is live."""
    signed.beside.attach(SBOM, {}, digest=OTHER)
    signed.beside.attach(PROVENANCE, provenance(), digest=OTHER)
    with pytest.raises(RefusedError, match="no trusted SBOM and no trusted provenance"):
        signed.prepare()


def test_what_is_malformed_or_about_another_image_is_not_copied(signed):
    signed.beside.sign()
    signed.beside.put(b"not a bundle")
    signed.beside.attach(SBOM, {}, digest=OTHER)
    signed.promote()
    assert signed.copies() == sorted([SBOM, PROVENANCE])


def test_attestations_arrive_where_no_signature_is_required(signed):
    signed.requires()
    signed.beside.sign()
    signed.promote()
    assert signed.copies() == sorted([SBOM, PROVENANCE])
    assert signed.destination.aws.keys.calls == []


def test_a_copy_that_is_not_the_signed_one_gets_no_tag(signed):
    signed.beside.sign()
    promotions = signed.prepare()
    signed.destination.aws.keys.keys["alias/images"] = "another key"
    with pytest.raises(RefusedError, match="no trusted"):
        promote.promote(signed.origin.run, signed.destination.run, promotions)
    assert not any(tag in (COMMIT, "latest") for _, tag in signed.destination.aws.ecr.tags)
