"""The scan of an image by ECR: its status and its findings, of basic scanning or of Amazon Inspector (enhanced).

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.aws.session import Aws, ClientError, error_code
from delivery.reference import PushedImage

SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED", "UNTRIAGED")
"""From the worst; the last two are findings that nobody has judged yet."""
NONE = "NONE"
"""Our status of an image that ECR has not begun to scan: ScanNotFoundException."""
_NO_FIX = ("", "NotAvailable")
_PAGE = 1000  # the most of one page


@dataclass(frozen=True)
class Finding:
    """One vulnerability in one package. `fixed`: the version that has a fix; empty if none is known."""

    id: str
    severity: str
    package: str
    version: str
    fixed: str = ""


@dataclass(frozen=True)
class Scan:
    """The scan of one image. `status`: ScanStatus of the API, or NONE. `reason`: ECR's words about that status."""

    status: str
    reason: str = ""
    findings: tuple[Finding, ...] = ()


def read(aws: Aws, image: PushedImage) -> Scan:
    """The scan of an image, with the findings of every page. Raises CloudError."""
    found: dict[Finding, None] = {}
    more: dict[str, Any] = {}
    with aws.explained(f"read the scan of {image.repository_name}@{image.digest}"):
        while True:
            try:
                answer = aws.ecr.describe_image_scan_findings(
                    repositoryName=image.repository_name,
                    imageId={"imageDigest": image.digest},
                    maxResults=_PAGE,
                    **more,
                )
            except ClientError as error:
                if error_code(error) == "ScanNotFoundException":
                    return Scan(NONE, str(error))
                raise
            found |= dict.fromkeys(_findings(answer.get("imageScanFindings", {})))
            if not answer.get("nextToken"):
                status = answer["imageScanStatus"]
                return Scan(status.get("status", NONE), status.get("description", ""), tuple(found))
            more = {"nextToken": answer["nextToken"]}


def _findings(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Basic scanning has the package in attributes, and no fix; Inspector has an object for each package."""
    for each in document.get("findings", ()):
        attributes = {pair["key"]: pair.get("value", "") for pair in each.get("attributes", ())}
        package, version = attributes.get("package_name", "?"), attributes.get("package_version", "?")
        yield Finding(each.get("name", "?"), each.get("severity", "UNDEFINED"), package, version)
    for each in document.get("enhancedFindings", ()):
        if each.get("status") == "CLOSED":  # Inspector found that it was repaired
            continue
        details = each.get("packageVulnerabilityDetails", {})
        name, severity = details.get("vulnerabilityId", each.get("title", "?")), each.get("severity", "UNTRIAGED")
        packages: Sequence[Mapping[str, str]] = details.get("vulnerablePackages") or ({},)
        for package in packages:
            fixed = package.get("fixedInVersion", "")
            yield Finding(
                name,
                severity,
                package.get("name", "?"),
                package.get("version", "?"),
                "" if fixed in _NO_FIX else fixed,
            )
