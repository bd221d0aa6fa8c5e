"""Artifacts that refer to an image: the unpatched emulator differs from ECR (else: delete the patch)."""

import asyncio
import importlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.emulator import apply, document, names, require_difference, unpatched

from sandbox.emulator import artifacts

app: Any = importlib.import_module("ministack.app")
ecr: Any = importlib.import_module("ministack.services.ecr")
iam_actions: Any = importlib.import_module("ministack.core.iam_actions")

KIND = "application/vnd.oci.image.manifest.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@pytest.fixture(autouse=True)
def emulator() -> Iterator[None]:
    with unpatched():
        yield


def put(name: str, manifest: Any, tag: str = "x") -> tuple[int, dict[str, str], bytes]:
    body = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    answer: tuple[int, dict[str, str], bytes] = ecr._v2_put_manifest(name, tag, {"content-type": KIND}, body)
    return answer


def artifact(subject: str, kind: str = BUNDLE, **annotations: str) -> dict[str, Any]:
    described = {"mediaType": KIND, "digest": subject, "size": 2}
    return {"schemaVersion": 2, "artifactType": kind, "subject": described, "annotations": annotations}


def repository(count: int = 0) -> tuple[str, str]:
    """A new repository with an image that has `count` artifacts; its name, and the digest of the image."""
    name = next(names)
    document(ecr._create_repository({"repositoryName": name}))
    digest = put(name, {"config": {}})[1]["Docker-Content-Digest"]
    for number in range(count):
        assert put(name, artifact(digest, number=str(number)), str(number))[0] == 201
    return name, digest


def asked(name: str, digest: str, **more: Any) -> tuple[int, Any]:
    """The answer to ListImageReferrers."""
    headers = {"x-amz-target": "AmazonEC2ContainerRegistry_V20150921.ListImageReferrers"}
    body = json.dumps({"repositoryName": name, "subjectId": {"imageDigest": digest}, **more}).encode()
    status, _, content = asyncio.run(ecr.handle_request("POST", "/", headers, body, {}))
    return status, json.loads(content)


def test_the_artifacts_of_an_image_are_listed_by_type_in_pages() -> None:
    name, digest = repository(count=3)
    put(name, artifact(digest, "text/plain"), "other")
    require_difference(asked(name, digest)[0] == 400)
    apply(artifacts.listed)
    status, first = asked(name, digest, filter={"artifactTypes": [BUNDLE]}, maxResults=2)
    _, second = asked(name, digest, filter={"artifactTypes": [BUNDLE]}, maxResults=2, nextToken=first["nextToken"])
    assert (status, "nextToken" in second) == (200, False)
    listed = first["referrers"] + second["referrers"]
    assert [each["annotations"]["number"] for each in listed] == ["0", "1", "2"]
    assert {(each["artifactType"], each["artifactStatus"]) for each in listed} == {(BUNDLE, "ACTIVE")}
    assert len(asked(name, digest)[1]["referrers"]) == 4
    assert asked(name, "sha256:" + "f" * 64)[1] == {"referrers": []}
    assert asked("missing", digest)[0] == 400


def test_the_other_operations_of_ecr_are_answered_as_before() -> None:
    apply(artifacts.listed)
    headers = {"x-amz-target": "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"}
    assert asyncio.run(ecr.handle_request("POST", "/", headers, b"{}", {}))[0] == 200


def test_the_registry_lists_the_artifacts_of_an_image_as_an_index() -> None:
    name, digest = repository(count=1)
    path = f"/v2/{name}/referrers/{digest}"

    def answer() -> Any:
        return asyncio.run(ecr.handle_registry_request("GET", path, {}, b"", {}))

    require_difference(answer()[0] == 404 and not app._is_ecr_registry_path(path))
    apply(artifacts.served)
    apply(artifacts.path_of_the_registry)
    assert app._is_ecr_registry_path(path)
    assert not app._is_ecr_registry_path("/v2/apis/x")
    index = document(answer())
    (manifest,) = index["manifests"]
    assert (index["mediaType"], manifest["artifactType"]) == ("application/vnd.oci.image.index.v1+json", BUNDLE)
    assert manifest["annotations"] == {"number": "0"}


def test_an_artifact_is_taken_only_after_its_subject() -> None:
    name, digest = repository()
    missing = "sha256:" + "f" * 64
    require_difference(put(name, artifact(missing))[0] == 201)
    apply(artifacts.after_their_subject)
    status, _, body = put(name, artifact(missing, again="1"), "again")
    assert (status, b"subject does not exist" in body) == (405, True)
    assert put(name, artifact(digest))[1]["OCI-Subject"] == digest
    assert "OCI-Subject" not in put(name, {"config": {"another": 1}})[1]


def test_a_manifest_that_is_no_json_is_answered_as_before() -> None:
    name, _ = repository()
    before = put(name, b"{")[0]
    apply(artifacts.after_their_subject)
    assert put(name, b"{")[0] == before


def test_the_list_of_artifacts_needs_the_permission_to_read_an_image() -> None:
    def action(operation: str) -> str:
        headers = {"x-amz-target": f"AmazonEC2ContainerRegistry_V20150921.{operation}"}
        return str(iam_actions.extract_iam_action("ecr", "POST", "/", headers, b"{}", {}))

    require_difference(action("ListImageReferrers") == "ecr:ListImageReferrers")
    apply(artifacts.action_of_the_list)
    assert action("ListImageReferrers") == "ecr:BatchGetImage"
    assert action("PutImage") == "ecr:PutImage"
