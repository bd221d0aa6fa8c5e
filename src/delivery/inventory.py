"""ECR: everything that lies in a repository, its tags, and the removal of an image."""

from collections.abc import Mapping
from dataclasses import dataclass

from delivery import clock
from delivery.aws import Aws, ClientError, code, explained
from delivery.errors import CloudError

RELEASE = "release-"  # with a version: it was verified; never expires
KEEP = "keep-"  # with a part of the digest: it may be deployed; never expires, `prune` alone takes it away


@dataclass(frozen=True)
class Stored:
    """An image as it lies in a repository."""

    digest: str
    tags: tuple[str, ...]


def stored(aws: Aws, repository_name: str) -> tuple[Stored, ...]:
    """Every image of a repository. Raises CloudError."""
    found: list[Stored] = []
    with explained(f"list the images of {repository_name}"):
        for page in aws.ecr.get_paginator("describe_images").paginate(repositoryName=repository_name):
            found += [Stored(it["imageDigest"], tuple(it.get("imageTags", []))) for it in page["imageDetails"]]
    return tuple(found)


def tags(aws: Aws, repository_name: str) -> Mapping[str, str]:
    """Tag to digest, for each tag in the repository. Raises CloudError."""
    return {tag: image.digest for image in stored(aws, repository_name) for tag in image.tags}


def released(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Version to digest, for each release tag among `tags`."""
    return {name.removeprefix(RELEASE): digest for name, digest in tags.items() if name.startswith(RELEASE)}


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


def remove(aws: Aws, repository_name: str, digest: str) -> None:
    """Delete an image with all its tags; one that is gone already is no failure. Raises CloudError.

    By digest: by tag, ECR takes away that tag alone.
    """
    with explained(f"delete {repository_name}@{digest}"):
        answer = aws.ecr.batch_delete_image(repositoryName=repository_name, imageIds=[{"imageDigest": digest}])
    failures = [it for it in answer.get("failures", []) if it.get("failureCode") != "ImageNotFound"]
    if failures:
        why = str(failures[0].get("failureReason", failures[0]))
        raise CloudError(f"{repository_name}@{digest} was not deleted.", why, "invoke prune --env ...")
