"""ECR: log in, does this digest exist, is it an image Lambda takes, tags."""

import json
from typing import TYPE_CHECKING, Any

from delivery import gate
from delivery.aws import Aws, ClientError, code, explained
from delivery.distribution import Login, Repository
from delivery.errors import BuildError, CloudError, RefusedError
from delivery.gate import MANIFESTS, Candidate
from delivery.image import Image, PublishedImage
from delivery.inventory import KEEP, RELEASE
from delivery.login import password

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecr.type_defs import ImageTypeDef


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
    """Is what the registry holds an image that Lambda takes? Returns its size in words.

    For an image that was pushed before; one that is to be pushed is checked first. Raises BuildError or CloudError.
    """
    found = look(aws, image, access)
    gate.require(found, platform)
    return found.words()


def look(aws: Aws, image: PublishedImage, access: Login) -> Candidate:
    """What the registry holds of an image. Raises BuildError when it has none, or CloudError."""
    content = _stored(aws.ecr, image)["imageManifest"].encode()
    document = json.loads(content)
    config: dict[str, Any] = {}
    if "config" in document:
        config = Repository(access, image.repository_name).json(document["config"]["digest"])
    return Candidate(image.uri, content, config, uncompressed=0)


def tag_release(aws: Aws, image: PublishedImage, version: str) -> None:
    """Tag a released image `release-<version>`, which retention never expires. Raises CloudError."""
    tag(aws, image, f"{RELEASE}{version}")


def keep(aws: Aws, image: PublishedImage) -> None:
    """Tag an image that is to be applied, so that it never expires while a version may run it. Raises CloudError."""
    tag(aws, image, f"{KEEP}{image.digest[7:19]}")


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
