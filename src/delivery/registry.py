"""ECR: log in, does this digest exist, is it an image Lambda takes, release tags."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from delivery import clock
from delivery.aws import Aws, ClientError, code, explained
from delivery.distribution import Login, Repository
from delivery.errors import BuildError, CloudError, RefusedError
from delivery.image import Image, PublishedImage
from delivery.login import password

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecr.type_defs import ImageTypeDef

# https://docs.aws.amazon.com/lambda/latest/dg/images-create.html: these two, one architecture, no index
MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
LARGEST = 10 * 1024**3  # bytes, ibid.: "maximum uncompressed image size of 10 GB, including all layers"
_RELEASE = "release-"


def login(aws: Aws) -> Login:
    """An ECR authorization. Raises CloudError."""
    with explained("log in to the registry"):
        data = aws.ecr.get_authorization_token()["authorizationData"][0]
    return Login(data["proxyEndpoint"], password(data["authorizationToken"]))


def missing_repositories(aws: Aws, images: tuple[Image, ...]) -> tuple[str, ...]:
    """Which images' repositories do not exist. Raises CloudError."""
    return tuple(image.repository_name for image in images if not _exists(aws.ecr, image.repository_name))


def require_repositories(aws: Aws, images: tuple[Image, ...]) -> None:
    """Raises CloudError naming the repositories that do not exist."""
    if missing := missing_repositories(aws, images):
        raise CloudError(f"The repository does not exist: {', '.join(missing)}", "", "invoke bootstrap --env ...")


def find(aws: Aws, image: Image | PublishedImage, tag: str) -> PublishedImage | None:
    """The image that carries `tag`, if there is one. Raises CloudError."""
    with explained(f"look up {image.repository_name}:{tag}"):
        answer = aws.ecr.batch_get_image(
            repositoryName=image.repository_name,
            imageIds=[{"imageTag": tag}],
            acceptedMediaTypes=[*MANIFESTS],
        )
    if not answer["images"]:
        return None
    return PublishedImage(image.name, image.repository, answer["images"][0]["imageId"]["imageDigest"])


def check(aws: Aws, image: PublishedImage, platform: str, access: Login) -> str:
    """Is it one manifest, for one platform, small enough? Returns its size in words.

    The registry knows the compressed sizes only, so an image is refused here when even those are over the limit.
    Read back from the registry, not from what the build says of itself. Raises BuildError or CloudError.
    """
    document = json.loads(_stored(aws.ecr, image)["imageManifest"])
    media_type = document.get("mediaType") or ("manifest" if "config" in document else "index")
    if media_type not in (*MANIFESTS, "manifest"):
        why = "Lambda takes one manifest: no index, no attestations."
        raise BuildError(f"{image.uri} is a {media_type}.", why, "keep provenance and sbom disabled in docker-bake.hcl")
    config = Repository(access, image.repository_name).json(document["config"]["digest"])
    found = f"{config.get('os')}/{config.get('architecture')}"
    if found != platform:
        why = f"build.platform in invoke.yaml is {platform}."
        raise BuildError(f"{image.uri} was built for {found}.", why, "correct build.platform, deploy again")
    size = sum(layer["size"] for layer in document["layers"])
    if size > LARGEST:
        raise BuildError(
            f"{image.uri} has {size / 1024**3:.1f} GiB of compressed layers.",
            "Lambda takes at most 10 GB, uncompressed.",
            "remove what the function does not need from the Dockerfile",
        )
    return f"{size / 1e6:.1f} MB compressed, {len(document['layers'])} layers"


def tag_release(aws: Aws, image: PublishedImage, version: str) -> None:
    """Tag a released image `release-<version>`, which retention never expires. Raises CloudError."""
    tag(aws, image, f"{_RELEASE}{version}")


def tag(aws: Aws, image: PublishedImage, name: str) -> None:
    """Let `name` name this image, wherever it was before. Raises BuildError or CloudError."""
    found = _stored(aws.ecr, image)
    with explained(f"tag {image.repository_name} as {name}"):
        try:
            aws.ecr.put_image(
                repositoryName=image.repository_name,
                imageManifest=found["imageManifest"],
                imageManifestMediaType=found["imageManifestMediaType"],
                imageDigest=image.digest,  # refused if these bytes are not that image
                imageTag=name,
            )
        except ClientError as error:
            if code(error) != "ImageAlreadyExistsException":
                raise


def require_unclaimed(aws: Aws, image: PublishedImage, commit: str) -> None:
    """Raises RefusedError when the tag of a commit names another image already: nobody could say which one ran."""
    found = find(aws, image, commit)
    if found and found.digest != image.digest:
        raise RefusedError(
            f"{image.repository_name}:{commit} is another image already.",
            f"It is {found.digest}; this one is {image.digest}.",
            "find out which is right; `aws ecr batch-delete-image` removes the tag of the other",
        )


def claim(aws: Aws, image: PublishedImage, commit: str) -> None:
    """Tag the image of a clean commit with it. Raises RefusedError when the tag names another image, or CloudError."""
    require_unclaimed(aws, image, commit)
    tag(aws, image, commit)


def exists(aws: Aws, image: PublishedImage) -> bool:
    """Whether the repository has the digest. Raises CloudError."""
    with explained(f"look up {image.uri}"):
        ids = [{"imageDigest": image.digest}]
        answer = aws.ecr.batch_get_image(repositoryName=image.repository_name, imageIds=ids)  # type: ignore[arg-type]
    return bool(answer["images"])


def age(aws: Aws, repository_name: str, digest: str) -> float | None:
    """Seconds since an image came into the repository; None when it is not there. Raises CloudError."""
    with explained(f"look up {repository_name}@{digest}"):
        try:
            answer = aws.ecr.describe_images(repositoryName=repository_name, imageIds=[{"imageDigest": digest}])
        except ClientError as error:
            if code(error) == "ImageNotFoundException":
                return None
            raise
    return next(((clock.now() - one["imagePushedAt"]).total_seconds() for one in answer["imageDetails"]), None)


def release_tags(aws: Aws, repository_name: str) -> Mapping[str, str]:
    """Version to digest, for each release tag in the repository. Raises CloudError."""
    return released(tags(aws, repository_name))


def released(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Version to digest, for each release tag among `tags`."""
    return {name.removeprefix(_RELEASE): digest for name, digest in tags.items() if name.startswith(_RELEASE)}


def tags(aws: Aws, repository_name: str) -> Mapping[str, str]:
    """Tag to digest, for each tag in the repository. Raises CloudError."""
    found: dict[str, str] = {}
    with explained(f"list the images of {repository_name}"):
        for page in aws.ecr.get_paginator("describe_images").paginate(repositoryName=repository_name):
            for detail in page["imageDetails"]:
                found |= dict.fromkeys(detail.get("imageTags", []), detail["imageDigest"])
    return found


def _exists(ecr: "ECRClient", repository_name: str) -> bool:
    with explained(f"look up the repository {repository_name}"):
        try:
            ecr.describe_repositories(repositoryNames=[repository_name])
        except ClientError as error:
            if code(error) == "RepositoryNotFoundException":
                return False
            raise
    return True


def _stored(ecr: "ECRClient", image: PublishedImage) -> "ImageTypeDef":
    with explained(f"read the manifest of {image.uri}"):
        answer = ecr.batch_get_image(
            repositoryName=image.repository_name,
            imageIds=[{"imageDigest": image.digest}],
            acceptedMediaTypes=[*MANIFESTS],
        )
    if not answer["images"]:
        raise BuildError(
            f"{image.uri} does not exist.", "The registry has no such digest.", "invoke push-image --env ..."
        )
    return answer["images"][0]
