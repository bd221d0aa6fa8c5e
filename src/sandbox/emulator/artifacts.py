"""Artifacts that refer to an image: what ECR does with a manifest that has a `subject`, and the emulator does not.

The wrappers are applied by sandbox.emulator.patches, and its rules hold here too. ECR deletes an artifact within 24
hours after its subject; that is not here.
"""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[..., Awaitable[Answer]]

_INDEX = "application/vnd.oci.image.index.v1+json"
_PAGE = 20  # https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImageReferrers.html, maxResults


def listed(ecr: ModuleType, upstream: Handler) -> Handler:
    """The API has no ListImageReferrers.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImageReferrers.html
    """

    async def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Answer:
        if not headers.get("x-amz-target", "").endswith(".ListImageReferrers"):
            return await upstream(method, path, headers, body, query)
        data = json.loads(body)
        name = data["repositoryName"]
        if name not in ecr._repositories:
            message = f"The repository with name '{name}' does not exist"
            answer: Answer = ecr.error_response_json("RepositoryNotFoundException", message, 400)
            return answer
        wanted = (data.get("filter") or {}).get("artifactTypes")
        found = list(_referring(ecr, name, data["subjectId"]["imageDigest"]))
        found = [{**each, "artifactStatus": "ACTIVE"} for each in found if not wanted or each["artifactType"] in wanted]
        begin, most = int(data.get("nextToken") or 0), int(data.get("maxResults") or _PAGE)
        more = {"nextToken": str(begin + most)} if begin + most < len(found) else {}
        return _json({"referrers": found[begin : begin + most], **more}, "application/x-amz-json-1.1")

    return handle


def served(ecr: ModuleType, upstream: Handler) -> Handler:
    """The registry has no referrers API, with which cosign finds attestations.

    https://github.com/opencontainers/distribution-spec/blob/main/spec.md, "Listing Referrers"
    """

    async def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Answer:
        name, route, digest = path.removeprefix("/v2/").partition("/referrers/")
        if method.upper() != "GET" or not route:
            return await upstream(method, path, headers, body, query)
        ecr._select_registry_request_scope(name, {key.lower(): value for key, value in headers.items()}, query)
        manifests = list(_referring(ecr, name, digest))
        return _json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}, _INDEX)

    return handle


def path_of_the_registry(_: ModuleType, upstream: Callable[[str], bool]) -> Callable[[str], bool]:
    """A path with /referrers/ does not reach the registry."""
    return lambda path: upstream(path) or (path.startswith("/v2/") and "/referrers/" in path)


def after_their_subject(ecr: ModuleType, upstream: Callable[..., Answer]) -> Callable[..., Answer]:
    """A manifest with a missing subject is stored; ECR answers 405 (aws/containers-roadmap#2783).

    A manifest with a subject is answered with OCI-Subject: distribution-spec, "Pushing Manifests with Subject".
    """

    def put(name: str, reference: str, headers: Mapping[str, str], body: bytes) -> Answer:
        subject = _subject(body)
        if subject and ecr._find_image(name, {"imageDigest": subject}) is None:
            message = "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'The subject does not exist'"
            refused: Answer = ecr._registry_error(405, "UNSUPPORTED", message)
            return refused
        status, answered, content = upstream(name, reference, headers, body)
        return status, {**answered, **({"OCI-Subject": subject} if subject and status == 201 else {})}, content

    return put


def action_of_the_list(_: ModuleType, upstream: Callable[..., str | None]) -> Callable[..., str | None]:
    """ListImageReferrers is evaluated as an action of its own name; AWS evaluates ecr:BatchGetImage.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImageReferrers.html
    """

    def action(service: str, *request: Any) -> str | None:
        name = upstream(service, *request)
        return "ecr:BatchGetImage" if name == "ecr:ListImageReferrers" else name

    return action


def _referring(ecr: ModuleType, name: str, digest: str) -> Iterator[dict[str, Any]]:
    """The descriptors of the artifacts of an image; `artifactType` is the type of the configuration without one."""
    for image in ecr._images.get(name, []):
        text = image.get("imageManifest") or ""
        if _subject(text.encode()) == digest:
            document = json.loads(text)
            yield {
                "mediaType": image["imageManifestMediaType"],
                "digest": image["imageDigest"],
                "size": len(text.encode()),
                "artifactType": document.get("artifactType") or document["config"]["mediaType"],
                "annotations": document.get("annotations", {}),
            }


def _subject(manifest: bytes) -> str:
    """The digest of the subject of a manifest; "" without one, and for bytes that the emulator refuses."""
    try:
        document = json.loads(manifest or b"{}")
    except ValueError:
        return ""
    subject = document.get("subject") if isinstance(document, dict) else None
    return str((subject or {}).get("digest", ""))


def _json(document: Mapping[str, Any], media_type: str) -> Answer:
    return 200, {"Content-Type": media_type}, json.dumps(document).encode()
