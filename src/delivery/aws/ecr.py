"""ECR: the authorization, repositories, images by tag or digest, tags, and the removal of an image."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from delivery import clock
from delivery.aws.distribution import MANIFEST_TYPES, Login, Repository
from delivery.aws.session import Aws, ClientError, error_code
from delivery.errors import BuildError, CloudError, RefusedError
from delivery.reference import Image, PushedImage

if TYPE_CHECKING:
    from mypy_boto3_ecr.type_defs import ImageDetailTypeDef, ImageTypeDef

# The beginnings of tags of images that never expire.
RELEASE = "release-"  # and a version: that version was verified
_COMMIT = re.compile("[0-9a-f]{40}(-dirty)?")  # delivery/git.py, Commit.tag
PROTECTED = "keep-"  # and the start of the digest: a version may run the image; only `prune` removes it
# The most of one call: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html, and
# API_DescribeImages.html there
_NAMES = 100
_IMAGES = 1000


@dataclass(frozen=True)
class StoredImage:
    """An image of a repository, with its tags."""

    digest: str
    tags: tuple[str, ...]


def authorize(aws: Aws) -> Login:
    """The authorization for the registry, which is asked for once in a run. Raises CloudError."""
    with aws.explained("log in to the registry"):
        data = aws.authorization()
    secret, check = password(data["authorizationToken"]), aws.environment.command("doctor")
    return Login(data["proxyEndpoint"], secret, check, aws.connections())


def password(token: str) -> str:
    """The password in an ECR authorization token, which is the base64 of `AWS:password`."""
    return base64.b64decode(token).decode().partition(":")[2]


def missing_repositories(aws: Aws, images: tuple[Image, ...]) -> tuple[str, ...]:
    """The names of the repositories that do not exist. Raises CloudError.

    One call asks for all by their names, because a list of all repositories would need a permission for every
    repository of the account. AWS refuses it as a whole if one is missing; only then is each asked for alone.
    """
    names = [image.repository_name for image in images]
    parts = [names[start : start + _NAMES] for start in range(0, len(names), _NAMES)]
    suspects = [part for part in parts if not _all_exist(aws, part)]
    return tuple(name for part in suspects for name in part if len(part) == 1 or not _all_exist(aws, [name]))


def require_repositories(aws: Aws, images: tuple[Image, ...]) -> None:
    """Raises CloudError with the names of the repositories that do not exist."""
    if missing := missing_repositories(aws, images):
        hint = aws.environment.command("bootstrap")
        raise CloudError(f"The repository does not exist: {', '.join(missing)}", "", hint)


def find(aws: Aws, image: Image | PushedImage, tag: str) -> PushedImage | None:
    """The image with this tag in the repository of `image`; None without one. Raises CloudError."""
    with aws.explained(f"look up {image.repository_name}:{tag}"):
        answer = aws.ecr.batch_get_image(
            repositoryName=image.repository_name,
            imageIds=[{"imageTag": tag}],
            acceptedMediaTypes=[*MANIFEST_TYPES],
        )
    if not answer["images"]:
        return None
    return PushedImage(image.name, image.repository, answer["images"][0]["imageId"]["imageDigest"])


def exists(aws: Aws, image: PushedImage) -> bool:
    """Whether the repository has the digest. Raises CloudError."""
    with aws.explained(f"look up {image.uri}"):
        ids = [{"imageDigest": image.digest}]
        answer = aws.ecr.batch_get_image(repositoryName=image.repository_name, imageIds=ids)  # type: ignore[arg-type]
    return bool(answer["images"])


def manifest(aws: Aws, image: PushedImage) -> bytes:
    """The bytes of an image's manifest. Raises BuildError when the registry has no such digest, or CloudError."""
    with aws.explained(f"read the manifest of {image.uri}"):
        answer = aws.ecr.batch_get_image(
            repositoryName=image.repository_name,
            imageIds=[{"imageDigest": image.digest}],
            acceptedMediaTypes=[*MANIFEST_TYPES],
        )
    if not answer["images"]:
        raise _missing(aws, image)
    return answer["images"][0]["imageManifest"].encode()


def config(aws: Aws, image: PushedImage) -> Mapping[str, Any]:
    """The configuration of an image, which has its labels; read once in a run, because a digest names the same bytes.

    Raises BuildError when the registry has no such digest, or CloudError.
    """
    if image.uri not in aws.configs:
        document = json.loads(manifest(aws, image))
        repository = Repository(authorize(aws), image.repository_name)
        aws.configs[image.uri] = repository.json(document["config"]["digest"]) if "config" in document else {}
    return aws.configs[image.uri]


def tag(aws: Aws, image: PushedImage, name: str) -> None:
    """Give this image a tag, and take the tag from another image. Raises BuildError or CloudError."""
    stored, tagged = _read(aws, image, name)
    if tagged != image.digest:
        _put(aws, image, stored, name)


def _put(aws: Aws, image: PushedImage, stored: "ImageTypeDef | None", name: str) -> None:
    if stored is None:
        raise _missing(aws, image)
    with aws.explained(f"tag {image.repository_name} as {name}"):
        try:
            aws.ecr.put_image(
                repositoryName=image.repository_name,
                imageManifest=stored["imageManifest"],
                imageManifestMediaType=stored["imageManifestMediaType"],
                imageDigest=image.digest,  # ECR refuses bytes with another digest
                imageTag=name,
            )
        except ClientError as error:
            if error_code(error) != "ImageAlreadyExistsException":
                raise


def tag_release(aws: Aws, image: PushedImage, version: str) -> None:
    """Tag a released image `release-<version>`, which retention never expires. Raises CloudError."""
    tag(aws, image, f"{RELEASE}{version}")


def protect(aws: Aws, image: PushedImage) -> None:
    """Tag an image that will be applied, so that it never expires while a version may run it. Raises CloudError."""
    tag(aws, image, f"{PROTECTED}{image.digest[7:19]}")


def claim(aws: Aws, image: PushedImage, commit: str) -> None:
    """Tag an image with its clean commit. Raises RefusedError when another image has the tag, or CloudError."""
    stored, tagged = _read(aws, image, commit)
    if tagged:
        _require_same(image, commit, tagged)
    else:
        _put(aws, image, stored, commit)


def require_unclaimed(aws: Aws, image: PushedImage, commit: str) -> bool:
    """Whether the image has the tag of this commit. Raises RefusedError when another image has it, or CloudError."""
    tagged = find(aws, image, commit)
    if tagged:
        _require_same(image, commit, tagged.digest)
    return tagged is not None


def _require_same(image: PushedImage, commit: str, tagged: str) -> None:
    if tagged != image.digest:
        raise RefusedError(
            f"{image.repository_name}:{commit} is another image already.",
            f"It is {tagged}; this one is {image.digest}.",
            "find out which image is right; `aws ecr batch-delete-image` removes the tag of the other one",
        )


def list_images(aws: Aws, repository_name: str) -> tuple[StoredImage, ...]:
    """Every image of a repository. Raises CloudError."""
    images: list[StoredImage] = []
    with aws.explained(f"list the images of {repository_name}"):
        pages = aws.ecr.get_paginator("describe_images")
        for page in pages.paginate(repositoryName=repository_name, PaginationConfig={"PageSize": _IMAGES}):
            details = page["imageDetails"]
            images += [StoredImage(detail["imageDigest"], tuple(detail.get("imageTags", []))) for detail in details]
    return tuple(images)


def tags(aws: Aws, repository_name: str) -> Mapping[str, str]:
    """Tag to digest, for each tag of the repository. Raises CloudError."""
    return {tag: image.digest for image in list_images(aws, repository_name) for tag in image.tags}


def release_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Version to digest, for each release tag among `tags`."""
    return {name.removeprefix(RELEASE): digest for name, digest in tags.items() if name.startswith(RELEASE)}


def image_tags(aws: Aws, image: PushedImage) -> tuple[str, ...]:
    """The tags of an image; none if the repository does not have it. Raises CloudError."""
    return tuple(tag for detail in _details(aws, image) for tag in detail.get("imageTags", []))


def commits(tags: Iterable[str]) -> tuple[str, ...]:
    """The commits among the tags of an image, clean ones first."""
    return tuple(sorted(filter(_COMMIT.fullmatch, tags), key=len))


def age(aws: Aws, image: PushedImage) -> float | None:
    """Seconds since an image was pushed; None when the repository does not have it. Raises CloudError."""
    return next(((clock.now() - detail["imagePushedAt"]).total_seconds() for detail in _details(aws, image)), None)


def delete_image(aws: Aws, repository_name: str, digest: str) -> None:
    """Delete an image with all its tags; a missing image is no failure. Raises CloudError.

    By digest: a deletion by tag removes that tag only.
    """
    with aws.explained(f"delete {repository_name}@{digest}"):
        answer = aws.ecr.batch_delete_image(repositoryName=repository_name, imageIds=[{"imageDigest": digest}])
    failures = [failure for failure in answer.get("failures", []) if failure.get("failureCode") != "ImageNotFound"]
    if failures:
        why = str(failures[0].get("failureReason", failures[0]))
        raise CloudError(f"{repository_name}@{digest} was not deleted.", why, aws.environment.command("prune"))


def _all_exist(aws: Aws, repository_names: list[str]) -> bool:
    with aws.explained(f"look up the repository {', '.join(repository_names)}"):
        try:
            aws.ecr.describe_repositories(repositoryNames=repository_names)
        except ClientError as error:
            if error_code(error) == "RepositoryNotFoundException":
                return False
            raise
    return True


def _details(aws: Aws, image: PushedImage) -> "list[ImageDetailTypeDef]":
    """What the repository knows of an image; empty if it does not have it."""
    ids = [{"imageDigest": image.digest}]
    with aws.explained(f"look up {image.repository_name}@{image.digest}"):
        try:
            return aws.ecr.describe_images(repositoryName=image.repository_name, imageIds=ids)["imageDetails"]  # type: ignore[arg-type]
        except ClientError as error:
            if error_code(error) == "ImageNotFoundException":
                return []
            raise


def _read(aws: Aws, image: PushedImage, tag: str) -> tuple["ImageTypeDef | None", str]:
    """An image with its manifest, None if the repository does not have it; and the digest with the tag, or ""."""
    with aws.explained(f"read the manifest of {image.uri}"):
        answer = aws.ecr.batch_get_image(
            repositoryName=image.repository_name,
            imageIds=[{"imageDigest": image.digest}, {"imageTag": tag}],
            acceptedMediaTypes=[*MANIFEST_TYPES],
        )
    found = {each["imageId"]["imageDigest"]: each for each in answer["images"]}
    if any(failure.get("imageId", {}).get("imageTag") == tag for failure in answer["failures"]):
        return found.get(image.digest), ""
    return found.get(image.digest), next((digest for digest in found if digest != image.digest), image.digest)


def _missing(aws: Aws, image: PushedImage) -> BuildError:
    hint = aws.environment.command("push-image")
    return BuildError(f"{image.uri} does not exist.", "The registry has no such digest.", hint)
