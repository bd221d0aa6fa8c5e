"""The scan of an image in the emulator: none, until a test plants one; see sandbox.emulator.image_scans."""

import asyncio
import importlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.emulator import apply, document, names, require_difference, unpatched

from sandbox.emulator import image_scans

ecr: Any = importlib.import_module("ministack.services.ecr")
COMPLETE = {"status": "COMPLETE", "description": "The scan was completed successfully."}


@pytest.fixture(autouse=True)
def emulator() -> Iterator[None]:
    with unpatched():
        yield


def called(action: str, **data: Any) -> Any:
    headers = {"x-amz-target": f"AmazonEC2ContainerRegistry_V20150921.{action}"}
    return asyncio.run(ecr.handle_request("POST", "/", headers, json.dumps(data).encode(), {}))


def kind(answer: Any) -> str:
    return str(json.loads(answer[2])["__type"])


def pushed() -> dict[str, Any]:
    """An image; returns how DescribeImageScanFindings names it."""
    name = next(names)
    document(called("CreateRepository", repositoryName=name))
    put = document(called("PutImage", repositoryName=name, imageManifest="{}", imageTag="t"))
    return {"repositoryName": name, "imageId": {"imageDigest": put["image"]["imageId"]["imageDigest"]}}


def plant(image: dict[str, Any], count: int, member: str = "findings") -> None:
    found = [{"name": f"CVE-{number}", "severity": "HIGH"} for number in range(count)]
    scan = {"imageScanStatus": COMPLETE, "imageScanFindings": {member: found}}
    target = {"repositoryName": image["repositoryName"], "imageDigest": image["imageId"]["imageDigest"]}
    document(called(image_scans.PLANT, **target, scan=scan))


def test_an_image_without_a_scan_is_an_error_as_on_ecr() -> None:
    image = pushed()
    require_difference(kind(called("DescribeImageScanFindings", **image)) == "InvalidAction")
    apply(image_scans.findings)
    assert kind(called("DescribeImageScanFindings", **image)) == "ScanNotFoundException"


def test_a_missing_image_or_repository_is_an_error() -> None:
    apply(image_scans.findings)
    image = pushed()
    other = {**image, "imageId": {"imageTag": "none"}}
    assert kind(called("DescribeImageScanFindings", **other)) == "ImageNotFoundException"
    other = {**image, "repositoryName": "none"}
    assert kind(called("DescribeImageScanFindings", **other)) == "RepositoryNotFoundException"


@pytest.mark.parametrize("member", ["findings", "enhancedFindings"])
def test_planted_findings_come_in_pages(member: str) -> None:
    apply(image_scans.findings)
    image = pushed()
    plant(image, 5, member)
    first = document(called("DescribeImageScanFindings", **image, maxResults=3))
    assert (len(first["imageScanFindings"][member]), first["imageScanStatus"]) == (3, COMPLETE)
    second = document(called("DescribeImageScanFindings", **image, maxResults=3, nextToken=first["nextToken"]))
    assert [each["name"] for each in second["imageScanFindings"][member]] == ["CVE-3", "CVE-4"]
    assert "nextToken" not in second


def test_other_actions_are_those_of_the_emulator() -> None:
    apply(image_scans.findings)
    image = pushed()
    described = document(called("DescribeImages", repositoryName=image["repositoryName"]))
    assert len(described["imageDetails"]) == 1
