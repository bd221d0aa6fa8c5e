"""DescribeImageScanFindings of ECR, which the emulator does not have: nothing is scanned, a test plants the findings.

The wrapper is applied by sandbox.emulator.patches, and its rules hold here too.
"""

import json
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[..., Awaitable[Answer]]
PLANT = "PutImageScanFindings"
"""An action of ours. ECR has none of this name; a test calls it as `{repositoryName, imageDigest, scan}`.

`scan`: the members imageScanStatus and imageScanFindings of the answer, with all findings.
"""
_SCAN = "planted_scan"  # our entry in an image; it goes with the image
_PAGE = 100  # findings, unless maxResults says another number
_KINDS = ("findings", "enhancedFindings")


def findings(ecr: ModuleType, upstream: Handler) -> Handler:
    """Upstream answers InvalidAction. ECR: ScanNotFoundException before a scan, then its status and its findings.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html
    """

    async def handle(method: str, path: str, headers: Any, body: bytes, query: Any) -> Answer:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if action not in ("DescribeImageScanFindings", PLANT):
            return await upstream(method, path, headers, body, query)
        data = json.loads(body)
        name = data["repositoryName"]
        wanted = data.get("imageId") or {"imageDigest": data["imageDigest"]}
        image = ecr._find_image(name, wanted) if name in ecr._repositories else None
        if image is None:
            missing = "Image" if name in ecr._repositories else "Repository"
            return _refused(f"{missing}NotFoundException", f"{missing} {name} {wanted} does not exist")
        if action == PLANT:
            image[_SCAN] = data["scan"]
            return _answer({})
        if _SCAN not in image:
            return _refused("ScanNotFoundException", f"Image scan does not exist for the image with '{wanted}'")
        return _answer({"repositoryName": name, "imageId": wanted, **_page(image[_SCAN], data)})

    return handle


def _page(scan: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """The part of the findings that was asked for, with the token of the next one."""
    start = int(data.get("nextToken") or 0)
    end = start + data.get("maxResults", _PAGE)
    document = scan.get("imageScanFindings", {})
    part = {key: value[start:end] if key in _KINDS else value for key, value in document.items()}
    more = any(len(document.get(kind, ())) > end for kind in _KINDS)
    return {**scan, "imageScanFindings": part, **({"nextToken": str(end)} if more else {})}


def _answer(document: dict[str, Any]) -> Answer:
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(document).encode()


def _refused(kind: str, message: str) -> Answer:
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": kind}
    return 400, headers, json.dumps({"__type": kind, "message": message}).encode()
