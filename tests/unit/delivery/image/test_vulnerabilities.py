"""Whether an environment takes an image, by the findings of ECR's scan."""

from datetime import UTC, datetime

import pytest
from support.aws import refusal
from support.build import DIGEST
from support.clock import Clock
from support.world import NAME, OLD_DIGEST, PUSHED, REPOSITORY, world

from delivery import clock
from delivery.errors import CloudError, ConfigurationError, RefusedError
from delivery.image import vulnerabilities
from delivery.reference import PushedImage
from delivery.settings import Requires

ENTRY = '[[IgnoredVulns]]\nid = "CVE-1"\nignoreUntil = {end}\nreason = "no request reaches it"\n'
DENIED = "User: u is not authorized to perform: ecr:DescribeImageScanFindings on resource: r"


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 27, tzinfo=UTC))
    Clock(tick=0.1).install(monkeypatch)


def made_with(root, *severities, limit="CRITICAL", status="COMPLETE", reason=""):
    """A world whose image has CVE-1, CVE-2, ... of these severities."""
    made = world(root, requires=Requires(vulnerabilities=limit))
    made.aws.ecr.repositories[NAME][DIGEST] = "manifest"
    attributes = [{"key": "package_name", "value": "zlib1g"}, {"key": "package_version", "value": "1.2.13"}]
    findings = [
        {"name": f"CVE-{number}", "severity": severity, "attributes": attributes}
        for number, severity in enumerate(severities, 1)
    ]
    state = {"imageScanStatus": {"status": status, "description": reason}}
    made.aws.ecr.scans[DIGEST] = [{**state, "imageScanFindings": {"findings": findings}}]
    return made


def checked(made, *images):
    return vulnerabilities.check(made.run, made.aws, images or (PUSHED,))


def refused(made, kind=RefusedError):
    with pytest.raises(kind) as caught:
        checked(made)
    assert made.stages() == ["scan"]
    return caught.value


@pytest.mark.parametrize(
    ("limit", "severities"),
    [("CRITICAL", ("HIGH", "MEDIUM", "UNDEFINED")), ("HIGH", ("MEDIUM", "LOW", "UNDEFINED")), ("HIGH", ())],
)
def test_an_image_without_findings_of_the_severity_or_worse_is_taken(tmp_path, limit, severities):
    made = made_with(tmp_path, *severities, limit=limit)
    checked(made)
    expected = "nothing CRITICAL" if limit == "CRITICAL" else "nothing HIGH or worse"
    assert f"✓ scan       {expected} " in made.out.getvalue()


@pytest.mark.parametrize(("limit", "bad"), [("CRITICAL", ["CVE-2"]), ("HIGH", ["CVE-2", "CVE-1"])])
def test_a_refusal_lists_the_findings_of_the_severity_or_worse_the_worst_first(tmp_path, limit, bad):
    error = refused(made_with(tmp_path, "HIGH", "CRITICAL", "LOW", limit=limit))
    assert error.exit_code == 4
    assert [line.split()[0] for line in error.why.splitlines()] == bad
    assert error.why.splitlines()[0] == "CVE-2 CRITICAL zlib1g 1.2.13, no fixed version is named"
    assert f"in sse-streaming {DIGEST[:19]}" in error.what
    assert '[[IgnoredVulns]]\n       id = "CVE-2"' in error.hint


def test_a_refusal_names_the_fixed_version_if_inspector_knows_it(tmp_path):
    made = made_with(tmp_path)
    package = {"name": "openssl", "version": "3.0.11", "fixedInVersion": "3.0.13"}
    details = {"vulnerabilityId": "CVE-9", "vulnerablePackages": [package]}
    finding = {"severity": "CRITICAL", "packageVulnerabilityDetails": details}
    made.aws.ecr.scans[DIGEST][0]["imageScanFindings"] = {"enhancedFindings": [finding]}
    assert refused(made).why == "CVE-9 CRITICAL openssl 3.0.11, fixed in 3.0.13"


def test_a_long_list_is_cut_and_counted(tmp_path):
    error = refused(made_with(tmp_path, *["CRITICAL"] * 20))
    assert "20 known vulnerabilities" in error.what
    assert (len(error.why.splitlines()), error.why.splitlines()[-1]) == (16, "and 5 more")


def test_an_exception_lets_the_image_pass_and_is_shown(tmp_path):
    made = made_with(tmp_path, "CRITICAL")
    (tmp_path / "osv-scanner.toml").write_text(ENTRY.format(end="2026-12-31"))
    checked(made)
    assert "✓ scan       nothing CRITICAL; osv-scanner.toml ignores CVE-1" in made.out.getvalue()


def test_an_expired_exception_blocks_again_and_the_refusal_says_when_it_expired(tmp_path):
    made = made_with(tmp_path, "CRITICAL")
    (tmp_path / "osv-scanner.toml").write_text(ENTRY.format(end="2026-11-01"))
    line = "CVE-1 CRITICAL zlib1g 1.2.13, no fixed version is named; its exception expired on 2026-11-01"
    assert refused(made).why == line


def test_an_exception_ignores_no_other_vulnerability(tmp_path):
    made = made_with(tmp_path, "CRITICAL", "CRITICAL")
    (tmp_path / "osv-scanner.toml").write_text(ENTRY.format(end="2026-12-31"))
    assert [line.split()[0] for line in refused(made).why.splitlines()] == ["CVE-2"]


def test_a_malformed_exception_is_refused_before_anything_is_asked(tmp_path):
    made = made_with(tmp_path)
    (tmp_path / "osv-scanner.toml").write_text(ENTRY.format(end='""'))
    refused(made, ConfigurationError)
    assert made.aws.ecr.calls == []


@pytest.mark.parametrize("first", ["IN_PROGRESS", "PENDING", None])
def test_a_scan_that_runs_or_has_not_begun_is_waited_for(tmp_path, monkeypatch, first):
    made = made_with(tmp_path)
    pages, waited = made.aws.ecr.scans[DIGEST], []
    made.aws.ecr.scans = {DIGEST: [{"imageScanStatus": {"status": first}}]} if first else {}

    def pause(seconds):
        waited.append(seconds)
        made.aws.ecr.scans[DIGEST] = pages

    monkeypatch.setattr(clock, "pause", pause)
    assert [each.known for each in checked(made)] == [True]
    assert waited == [3.0]


def test_an_image_that_is_not_scanned_in_time_ends_with_8_and_the_command_that_scans_it(tmp_path):
    made = made_with(tmp_path)
    made.aws.ecr.scans.clear()
    error = refused(made, CloudError)
    assert (error.exit_code, error.what) == (8, f"ECR has not scanned {NAME}@{DIGEST}.")
    command = f"aws ecr start-image-scan --region us-east-1 --repository-name {NAME} --image-id imageDigest={DIGEST}"
    assert command in error.hint
    assert 15 < len(made.aws.ecr.called("describe_image_scan_findings")) < 25, "every 3 s, for 60 s"


def test_a_scan_that_does_not_end_in_time_ends_with_8(tmp_path):
    error = refused(made_with(tmp_path, status="IN_PROGRESS"), CloudError)
    assert (error.exit_code, error.what) == (8, f"The scan of {NAME}@{DIGEST} has not ended in 300 s.")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("UNSUPPORTED_IMAGE", "The operating system is not supported."),
        ("FAILED", "UnsupportedImageError: The operating system and/or package manager are not supported."),
    ],
)
def test_an_image_that_ecr_cannot_scan_is_refused(tmp_path, status, reason):
    error = refused(made_with(tmp_path, status=status, reason=reason))
    assert (error.exit_code, error.why) == (4, reason)
    assert error.what.startswith(f"ECR cannot scan {NAME}@{DIGEST}, and sandbox takes only")


@pytest.mark.parametrize("status", ["FAILED", "SCAN_ELIGIBILITY_EXPIRED", "FINDINGS_UNAVAILABLE", "LIMIT_EXCEEDED"])
def test_a_scan_without_findings_is_not_a_scan_that_found_nothing(tmp_path, status):
    error = refused(made_with(tmp_path, status=status, reason="Because."), CloudError)
    assert (error.exit_code, error.why) == (8, "Because.")
    assert error.what.endswith(f"the status of its scan is {status}.")


def test_whoever_may_not_read_the_scan_learns_the_action(tmp_path):
    made = made_with(tmp_path)
    made.aws.ecr.refuses["describe_image_scan_findings"] = refusal("AccessDeniedException", DENIED)
    error = refused(made, CloudError)
    assert error.hint.startswith("ask for ecr:DescribeImageScanFindings")


def test_an_interrupt_ends_the_wait(tmp_path, monkeypatch):
    made = made_with(tmp_path, status="IN_PROGRESS")
    monkeypatch.setattr(clock, "pause", lambda _: made.shell.stop())
    with pytest.raises(KeyboardInterrupt):
        checked(made)


def test_each_image_is_asked_for_once(tmp_path):
    made = made_with(tmp_path)
    checked(made, PUSHED, PUSHED)
    assert len(made.aws.ecr.called("describe_image_scan_findings")) == 1


def test_the_findings_of_all_images_are_in_one_refusal(tmp_path):
    made = made_with(tmp_path, "CRITICAL")
    made.aws.ecr.scans[OLD_DIGEST] = made.aws.ecr.scans[DIGEST]
    with pytest.raises(RefusedError) as caught:
        checked(made, PUSHED, PushedImage("other", REPOSITORY, OLD_DIGEST))
    assert f"1 known vulnerability in sse-streaming {DIGEST[:19]}, other {OLD_DIGEST[:19]}." in caught.value.what


def test_without_the_setting_nothing_is_refused_or_waited_for_and_there_is_no_stage(tmp_path):
    made = made_with(tmp_path, "CRITICAL", "HIGH", "HIGH", limit="")
    (scanned,) = checked(made)
    assert (dict(scanned.counts), made.stages()) == ({"CRITICAL": 1, "HIGH": 2}, [])
    made.aws.ecr.scans.clear()
    assert [each.known for each in checked(made)] == [False]
    assert len(made.aws.ecr.calls) == 2


def test_without_the_setting_a_scan_that_cannot_be_read_is_no_error(tmp_path):
    made = made_with(tmp_path, limit="")
    made.aws.ecr.refuses["describe_image_scan_findings"] = refusal("AccessDeniedException", DENIED)
    (scanned,) = checked(made)
    assert scanned.failure == f"Could not read the scan of {NAME}@{DIGEST}: AWS refused (AccessDeniedException)."


def test_a_vulnerability_in_several_packages_counts_once(tmp_path):
    made = made_with(tmp_path, limit="")
    packages = [{"name": name, "version": "1"} for name in ("openssl", "libssl3")]
    details = {"vulnerabilityId": "CVE-1", "vulnerablePackages": packages}
    found = [{"severity": "HIGH", "packageVulnerabilityDetails": details}]
    made.aws.ecr.scans[DIGEST][0]["imageScanFindings"] = {"enhancedFindings": found}
    (scanned,) = checked(made)
    assert dict(scanned.counts) == {"HIGH": 1}
