"""What ECR answers about the scan of an image: both kinds of scans, every page."""

import pytest
from support.aws import FakeAws, FakeEcr, refusal
from support.build import DIGEST
from support.world import NAME, PUSHED

from delivery.aws import scan
from delivery.aws.scan import Finding, Scan
from delivery.errors import CloudError


def basic(name, severity="HIGH", package="zlib1g", version="1:1.2.13"):
    attributes = [{"key": "package_version", "value": version}, {"key": "package_name", "value": package}]
    return {"name": name, "severity": severity, "attributes": attributes, "uri": "https://a.test"}


def enhanced(name, severity="CRITICAL", status="ACTIVE", **packages):
    """`packages`: name to the fixed version."""
    affected = [{"name": key, "version": "1.0", "fixedInVersion": fixed} for key, fixed in packages.items()]
    details = {"vulnerabilityId": name, "vulnerablePackages": affected}
    return {"severity": severity, "status": status, "packageVulnerabilityDetails": details, "title": f"{name} - of it"}


def pages(*findings, kind="findings", status="COMPLETE"):
    """A page for each finding."""
    state = {"imageScanStatus": {"status": status, "description": "The scan was completed successfully."}}
    return [{**state, "imageScanFindings": {kind: [each]}} for each in findings] or [state]


@pytest.fixture
def aws():
    return FakeAws(FakeEcr({NAME: {DIGEST: "manifest"}}))


def test_every_page_of_a_basic_scan_is_read(aws):
    aws.ecr.scans[DIGEST] = pages(basic("CVE-1"), basic("CVE-2", "LOW"), basic("CVE-3"))
    found = scan.read(aws, PUSHED)
    assert (found.status, [each.id for each in found.findings]) == ("COMPLETE", ["CVE-1", "CVE-2", "CVE-3"])
    assert found.findings[1] == Finding("CVE-2", "LOW", "zlib1g", "1:1.2.13")


def test_a_finding_of_inspector_has_the_fixed_version_of_each_package(aws):
    findings = [enhanced("CVE-1", openssl="3.0.13", libssl3="NotAvailable"), enhanced("CVE-2", "UNTRIAGED", app="")]
    aws.ecr.scans[DIGEST] = pages(*findings, kind="enhancedFindings", status="ACTIVE")
    assert scan.read(aws, PUSHED).findings == (
        Finding("CVE-1", "CRITICAL", "openssl", "1.0", "3.0.13"),
        Finding("CVE-1", "CRITICAL", "libssl3", "1.0"),
        Finding("CVE-2", "UNTRIAGED", "app", "1.0"),
    )


def test_what_inspector_has_closed_is_no_finding_any_more(aws):
    aws.ecr.scans[DIGEST] = pages(enhanced("CVE-1", status="CLOSED", a="1"), kind="enhancedFindings", status="ACTIVE")
    assert scan.read(aws, PUSHED).findings == ()


def test_a_finding_without_details_keeps_its_name_and_its_severity(aws):
    aws.ecr.scans[DIGEST] = pages({"name": "CVE-1", "severity": "CRITICAL"})
    assert scan.read(aws, PUSHED).findings == (Finding("CVE-1", "CRITICAL", "?", "?"),)
    aws.ecr.scans[DIGEST] = pages({"title": "CVE-2 - of it", "severity": "HIGH"}, kind="enhancedFindings")
    assert scan.read(aws, PUSHED).findings == (Finding("CVE-2 - of it", "HIGH", "?", "?"),)


def test_an_image_that_was_never_scanned_has_the_status_none(aws):
    found = scan.read(aws, PUSHED)
    assert (found.status, found.findings) == (scan.NONE, ())


@pytest.mark.parametrize("status", ["IN_PROGRESS", "FAILED", "SCAN_ELIGIBILITY_EXPIRED"])
def test_a_scan_without_findings_has_its_status_and_ecr_s_words(aws, status):
    aws.ecr.scans[DIGEST] = [{"imageScanStatus": {"status": status, "description": "Because."}}]
    assert scan.read(aws, PUSHED) == Scan(status, "Because.")


def test_a_missing_permission_is_named(aws):
    why = "User: u is not authorized to perform: ecr:DescribeImageScanFindings on resource: r"
    aws.ecr.refuses["describe_image_scan_findings"] = refusal("AccessDeniedException", why)
    with pytest.raises(CloudError) as caught:
        scan.read(aws, PUSHED)
    assert caught.value.exit_code == 8
    assert caught.value.hint.startswith("ask for ecr:DescribeImageScanFindings; ")
