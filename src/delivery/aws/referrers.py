"""Attestations beside an image: artifacts of its repository that name the image as their subject.

https://github.com/opencontainers/image-spec/blob/main/manifest.md, `subject`. Each is one manifest with one layer, the
bundle, and has a tag of its own, which retention protects: one index for all would lose one of two that are written at
the same time. The annotations of a manifest say what the bundle is about. They only choose what is read, because
nobody signs them. The number and the size of what is read are bounded, because everybody who may push can attach.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from delivery.attestation import BUNDLE, LARGEST, PROVENANCE, SBOM, MalformedError
from delivery.aws import transfer
from delivery.aws.distribution import Manifest, Repository, UnsupportedError
from delivery.aws.session import Aws
from delivery.errors import CloudError, RefusedError
from delivery.reference import PushedImage

TAG = "sha256-"
"""The beginning of the tag of every attestation; the hex digits of its image follow."""
MOST = 2000
"""Attestations of one image: about twice the 900 commits that may share it, each with a provenance."""
MOST_READ = 40
"""Attestations that are read for one commit: an SBOM and a provenance for each key, while keys are replaced."""

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_EMPTY = "application/vnd.oci.empty.v1+json"  # image-spec, manifest.md, "Guidance for an Empty Descriptor"
# As cosign writes them: github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md
_CONTENT = "dev.sigstore.bundle.content"
_KIND = "dev.sigstore.bundle.predicateType"
_COMMIT = "org.opencontainers.image.revision"  # image-spec, annotations.md
_WORDS = {PROVENANCE: "provenance", SBOM: "sbom"}
_PAGE = 50  # https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImageReferrers.html


@dataclass(frozen=True)
class Referrer:
    """An attestation by the digest of its manifest. `kind` and `commit`: as annotated; empty if it is not."""

    digest: str
    kind: str = ""
    commit: str = ""


def find(aws: Aws, image: PushedImage, commit: str) -> tuple[Referrer, ...]:
    """The attestations of an image that may be about this commit; one without annotations may.

    Raises RefusedError when there are too many to read, or CloudError.
    """
    listed = _listed(aws, image)
    chosen = tuple(each for each in listed if each.kind in ("", *_WORDS) and each.commit in ("", commit))
    if len(chosen) > MOST_READ:
        raise _too_many(image, f"{len(chosen)} for commit {commit[:12]}", MOST_READ)
    return chosen


def read(repository: Repository, image: PushedImage, referrer: Referrer) -> tuple[Manifest, bytes]:
    """The manifest of an attestation, and its bundle. Raises MalformedError for any other artifact, or CloudError."""
    manifest = repository.manifest(referrer.digest, (_MANIFEST,))
    if manifest is None or manifest.digest != referrer.digest:
        raise MalformedError("the registry has no manifest of this digest")
    layer = _layer(manifest, image)
    with repository.blob(layer["digest"]) as pieces:
        content = b""
        for piece in pieces:
            content += piece
            if len(content) > LARGEST:
                raise MalformedError(f"a bundle of more than {LARGEST} bytes")
    return manifest, content


def attach(repository: Repository, image: PushedImage, bundle: bytes, about: Referrer) -> Referrer:
    """Store a bundle beside its image; the same bundle twice is there once. `about`: kind and commit, for annotations.

    Raises CloudError, also when the repository does not have the image.
    """
    subject = repository.manifest(image.digest, (_MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"))
    if subject is None:
        raise _no_subject(image)
    described = {"mediaType": subject.media_type, "digest": subject.digest, "size": len(subject.content)}
    annotations = {_CONTENT: "dsse-envelope", _KIND: about.kind, **({_COMMIT: about.commit} if about.commit else {})}
    document = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "artifactType": BUNDLE,
        "config": _descriptor(repository, _EMPTY, b"{}"),
        "layers": [_descriptor(repository, BUNDLE, bundle)],
        "subject": described,
        "annotations": annotations,
    }
    manifest = Manifest(json.dumps(document, sort_keys=True, separators=(",", ":")).encode(), _MANIFEST)
    try:
        repository.put(manifest, _tag(manifest, image))
    except UnsupportedError as error:
        raise _no_subject(image) from error
    return Referrer(manifest.digest, about.kind, about.commit)


def copy(source: Repository, destination: Repository, image: PushedImage, manifest: Manifest) -> None:
    """Copy an attestation byte for byte, after its image; one that is there stays.

    Raises RefusedError when a byte differs, or CloudError, also when the destination does not have the image.
    """
    try:
        transfer.copy(source, destination, manifest, lambda _: None, _tag(manifest, image))
    except UnsupportedError as error:
        raise _no_subject(image) from error


def subject(tags: tuple[str, ...]) -> str:
    """The digest of the image whose attestation has these tags; empty for an image, which has other tags too."""
    if not tags or not all(each.startswith(TAG) for each in tags):
        return ""
    return f"sha256:{tags[0].removeprefix(TAG).partition('.')[0]}"


def _listed(aws: Aws, image: PushedImage) -> tuple[Referrer, ...]:
    result: list[Referrer] = []
    with aws.explained(f"list the attestations of {image.uri}"):
        more: dict[str, Any] = {}
        for _ in range(MOST // _PAGE + 1):
            answer = aws.ecr.list_image_referrers(
                repositoryName=image.repository_name,
                subjectId={"imageDigest": image.digest},
                filter={"artifactTypes": [BUNDLE]},
                maxResults=_PAGE,
                **more,
            )
            result += [_referrer(each["digest"], each.get("annotations", {})) for each in answer.get("referrers", [])]
            if not answer.get("nextToken"):
                return tuple(result)
            more = {"nextToken": answer["nextToken"]}
    raise _too_many(image, f"more than {MOST}", MOST)


def _referrer(digest: str, annotations: Mapping[str, str]) -> Referrer:
    return Referrer(digest, annotations.get(_KIND, ""), annotations.get(_COMMIT, ""))


def _layer(manifest: Manifest, image: PushedImage) -> dict[str, Any]:
    """The descriptor of the bundle. Raises MalformedError unless the artifact is one bundle of this image."""
    try:
        document = json.loads(manifest.content)
        (layer,) = document["layers"]
        digest, kind, size = str(layer["digest"]), layer["mediaType"], int(layer["size"])
        of, largest = document["subject"]["digest"], max(size, int(document["config"]["size"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MalformedError(f"a manifest that is no artifact with one layer: {error}") from error
    if of != image.digest:
        raise MalformedError(f"an artifact of another image, {of}")
    if kind != BUNDLE or largest > LARGEST:
        raise MalformedError(f"a layer of type {kind} and {largest} bytes")
    return {"digest": digest}


def _tag(manifest: Manifest, image: PushedImage) -> str:
    annotations = json.loads(manifest.content).get("annotations")
    kind = annotations.get(_KIND) if isinstance(annotations, dict) else None
    word = _WORDS.get(str(kind), "attestation")
    return f"{TAG}{image.digest.removeprefix('sha256:')}.{word}.{manifest.digest[7:19]}"


def _descriptor(repository: Repository, media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": repository.add(content), "size": len(content)}


def _too_many(image: PushedImage, count: str, most: int) -> RefusedError:
    return RefusedError(
        f"{image.repository_name} has too many attestations of {image.short_digest}: {count}.",
        f"At most {most} are read. Everyone who may push to the repository can attach them.",
        f"`aws ecr list-image-referrers --repository-name {image.repository_name} --subject-id "
        f"imageDigest={image.digest}`, find out who made them, and remove those that are not yours",
    )


def _no_subject(image: PushedImage) -> CloudError:
    why = "A registry takes an attestation only after its image: it answers 405 before."
    return CloudError(f"{image.uri} is not there, so nothing can be attached to it.", why, "the same command again")
